//! Every join is answered, for better or worse.

use core::time::Duration;

use greenroom_core::limits;

use super::{Evidence, Verdict, Violation};
use crate::record::What;

/// The longest that a session waits: for its connection, then for the answer.
const PATIENCE: Duration = limits::CONNECT_TIMEOUT.saturating_add(limits::RESPONSE_TIMEOUT);

/// Each join is followed by its answer, by the user's own leave, or by the end of the run before its time was up.
pub(super) fn check(evidence: &Evidence<'_>) -> Verdict {
    let mut joins = 0;
    for (place, entry) in evidence.entries.iter().enumerate() {
        if entry.what != What::JoinCalled {
            continue;
        }
        let Some(who) = &entry.user else { continue };
        joins += 1;
        let until = evidence.put_off(who, entry.at, PATIENCE);
        if evidence.crashes_of(who).any(|crash| entry.at <= crash && crash < until) {
            continue; // nobody is left to hear the answer
        }
        let mut own = evidence.entries[place + 1..].iter().filter(|later| later.user.as_ref() == Some(who));
        // Another join before the answer leaves this one without.
        let end =
            own.find(|later| matches!(later.what, What::Joined { .. } | What::Left | What::Failed { call: "join", .. } | What::JoinCalled));
        let answered = end.is_some_and(|end| end.at <= until && end.what != What::JoinCalled);
        if !answered && (until < evidence.end() || end.is_some()) {
            let what = format!("its join was not answered within {} s", PATIENCE.as_secs());
            return Err(Violation { at: entry.at, who: who.clone().into(), what });
        }
    }
    Ok(format!("{joins} joins"))
}
