//! Channel keys, as a page meets them.

use core::time::Duration;

use greenroom_core::{
    auth::Credential,
    code::Code,
    wire::{Accepted, ClientMessage, ServerMessage},
};
use serde_json::{Value, json};

use crate::page::{Page, bad, fault, good, joined, notice};

fn key(text: &str) -> Credential {
    Credential::ChannelKey { key: text.into() }
}

// R-051 R-053
#[test]
fn a_key_that_is_not_good_ends_the_join() {
    for (code, told) in [(Code::KEY_EXPIRED, 109), (Code::KEY_INVALID, 110)] {
        let mut page = Page::ready();
        page.call("join", json!({ "channelKey": "k", "channelName": "c", "uid": 7 }));
        page.open();
        assert!(matches!(page.newest(), ClientMessage::Join { credential, .. } if *credential == Some(key("k"))));
        assert_eq!(page.refuse(code), [bad("join", told)]);
        page.call("join", json!({ "channelKey": "better", "channelName": "c", "uid": 7 }));
        page.open();
        page.grant(joined(None, &[], vec![], false));
        assert_eq!(page.lines(), [good("join", json!(7))]);
    }
}

//
#[test]
fn a_key_that_runs_out_in_a_call_is_told_through_init_and_cured_by_renewing() {
    let mut page = Page::joined(7, &[], vec![]);
    assert_eq!(page.receive(ServerMessage::KeyRefused { code: Code::KEY_EXPIRED }), [fault(109)]);
    page.call("renewChannelKey", json!({ "channelKey": "forged" }));
    assert_eq!(page.refuse(Code::KEY_INVALID), [bad("renewChannelKey", 110)]);
    page.call("renewChannelKey", json!({ "channelKey": "fresh" }));
    assert!(matches!(page.newest(), ClientMessage::Renew { credential } if *credential == key("fresh")));
    page.grant(Accepted::Done);
    assert_eq!(page.lines(), [good("renewChannelKey", Value::Null)]);
    assert_eq!(page.receive(ServerMessage::KeyRefused { code: Code::KEY_INVALID }), [fault(110)]);
}

//
#[test]
fn the_renewed_key_is_the_one_that_is_shown_on_the_way_back() {
    let mut page = Page::joined(7, &[], vec![]);
    page.call("renewChannelKey", json!({ "channelKey": "fresh" }));
    page.grant(Accepted::Done);
    page.close();
    page.open();
    assert!(matches!(page.newest(), ClientMessage::Join { credential, resumes: Some(_), .. } if *credential == Some(key("fresh"))));
}

//
#[test]
fn a_service_that_ends_puts_the_user_out() {
    let mut page = Page::joined(7, &[2], vec![]);
    let told = page.receive(ServerMessage::Removed { code: Code::KEY_EXPIRED });
    assert_eq!(told, [fault(109), notice("removed", json!({ "reason": Code::KEY_EXPIRED.text() }))]);
    assert_eq!(page.call("leave", json!({})), [bad("leave", 18)]);
    page.call("join", json!({ "channelKey": "fresh", "channelName": "c", "uid": 7 }));
    page.open();
    page.grant(joined(None, &[], vec![], false));
    assert_eq!(page.lines(), [good("join", json!(7))]);
}

// R-052 R-053
#[test]
fn an_expiry_is_told_once_and_a_removal_after_patience_once_more() {
    let expired = || ServerMessage::KeyRefused { code: Code::KEY_EXPIRED };
    let out = || ServerMessage::Removed { code: Code::KEY_EXPIRED };
    let removed = notice("removed", json!({ "reason": Code::KEY_EXPIRED.text() }));
    // Both at once, or nearly so, as the network has it: one fault.
    for apart in [0, 900] {
        let mut page = Page::joined(7, &[], vec![]);
        assert_eq!(page.receive(expired()), [fault(109)]);
        page.wait(Duration::from_millis(apart));
        assert_eq!(page.receive(out()), core::slice::from_ref(&removed));
    }
    // The removal is news of its own when there was time to bring another key, and when the reason is another.
    let mut page = Page::joined(7, &[], vec![]);
    assert_eq!(page.receive(expired()), [fault(109)]);
    page.wait(Duration::from_secs(3));
    assert_eq!(page.receive(out()), [fault(109), removed.clone()]);
    let mut page = Page::joined(7, &[], vec![]);
    page.receive(ServerMessage::KeyRefused { code: Code::KEY_INVALID });
    assert_eq!(page.receive(out()), [fault(109), removed.clone()]);
    // A key that was brought cured it: the next end is a new one.
    let mut page = Page::joined(7, &[], vec![]);
    page.receive(expired());
    page.call("renewChannelKey", json!({ "channelKey": "fresh" }));
    page.grant(Accepted::Done);
    page.hush();
    assert_eq!(page.receive(out()), [fault(109), removed]);
}

#[test]
fn a_renewal_needs_a_key() {
    let mut page = Page::joined(7, &[], vec![]);
    assert_eq!(page.call("renewChannelKey", json!({})), [bad("renewChannelKey", 2)]);
    assert_eq!(page.call("renewChannelKey", json!({ "channelKey": "k".repeat(513) })), [bad("renewChannelKey", 110)]);
}
