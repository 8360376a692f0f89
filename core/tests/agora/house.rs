//! Pages before a whole service: apps, keys, and uids that the server chooses.

use core::time::Duration;

use greenroom_core::{
    auth::{
        Secret,
        channel_key::{self, Request, Service as Purpose, Version},
    },
    code::Code,
    dialect::agora::{app, service_config},
    id::{AppId, SessionId, SourceId},
    service::{Input, Output, Service},
    session::ConnectionId,
    time::{Instant, UnixSeconds},
};
use serde_json::{Value, json};

use crate::page::{Page, bad, event, fault, good, notice};

const APP: &str = "970ca35de60c44645bbae8a215061b33";
const CERTIFICATE: &str = "5cfd2fd1755d40ecb72977518be15d3b";
/// The date when stories begin, at [`Page`]'s first instant.
const DATE: u64 = 1_700_000_000;

/// A service with an app that asks for keys and two that do not.
struct House {
    service: Service,
    pages: Vec<Page>,
    /// How much of each page's connections and messages the service has had.
    told: Vec<(usize, usize)>,
}

impl House {
    fn new(pages: usize) -> Self {
        let id = |name: &str| AppId::new(name).expect("a valid id");
        let apps = [(id(APP), Some(Secret::new(CERTIFICATE.as_bytes()))), (id("app1"), None), (id("app2"), None)];
        let mut config = service_config(UnixSeconds(DATE - 1000));
        config.apps.extend(apps.map(|(id, certificate)| (id, app(certificate))));
        let service = Service::new(Instant::ZERO, config);
        Self { service, pages: (0..pages).map(|_| Page::new()).collect(), told: vec![(0, 0); pages] }
    }

    fn call(&mut self, at: usize, call: &str, args: Value) -> Vec<Value> {
        let mut lines = self.pages[at].call(call, args);
        self.settle();
        lines.extend(self.pages[at].lines());
        lines
    }

    fn join(&mut self, at: usize, app: &str, args: Value) -> Vec<Value> {
        self.call(at, "init", json!({ "appId": app }));
        self.call(at, "join", args)
    }

    /// A connection's number at the service: that of the page, then that of the connection.
    fn session(at: usize, connection: ConnectionId) -> SessionId {
        SessionId(u64::try_from(at).expect("few pages") * 1000 + u64::from(connection.0))
    }

    fn settle(&mut self) {
        loop {
            let mut quiet = true;
            for at in 0..self.pages.len() {
                let (page, told) = (&mut self.pages[at], &mut self.told[at]);
                if let Some(connection) = page.connects.get(told.0).copied() {
                    (told.0, quiet) = (told.0 + 1, false);
                    let opened = Input::Opened { session: Self::session(at, connection), source: SourceId(1) };
                    self.service.handle_input(page.now, opened).expect("a new connection");
                    page.open();
                }
                if let Some((connection, frame)) = page.sent.get(told.1).cloned() {
                    (told.1, quiet) = (told.1 + 1, false);
                    let message = Input::Message { session: Self::session(at, connection), frame };
                    self.service.handle_input(page.now, message).expect("time stands still");
                }
            }
            while let Some(output) = self.service.poll_output() {
                quiet = false;
                let (sessions, message) = match output {
                    Output::Send { room, to, message } => (self.service.sessions_of(room.as_ref(), &to).collect(), message),
                    Output::Snapshot { room, snapshot } => (vec![snapshot.session], self.service.snapshot(&room, &snapshot)),
                    Output::Close { .. } | Output::Media { .. } | Output::Event { .. } | Output::ServerAnswer { .. } => continue,
                };
                for SessionId(session) in sessions {
                    let page = &mut self.pages[usize::try_from(session / 1000).expect("few pages")];
                    let told = page.receive(message.clone());
                    page.keep(told);
                }
            }
            if quiet {
                return;
            }
        }
    }

    /// Lets time pass for everyone, a second at a time.
    fn wait(&mut self, seconds: u64) {
        for _ in 0..seconds {
            for page in &mut self.pages {
                page.wait(Duration::from_secs(1));
            }
            self.service.handle_timeout(self.pages[0].now);
            self.settle();
        }
    }
}

/// A channel key for the channel `c`.
fn key(uid: u32, issued: u64, expires: u64) -> String {
    let certificate = Secret::new(CERTIFICATE.as_bytes());
    let app_id = AppId::new(APP).expect("a valid id");
    let request = Request {
        version: Version::V004,
        service: Purpose::Media,
        app_id: &app_id,
        certificate: &certificate,
        channel: "c",
        issued: UnixSeconds(issued),
        random: 7,
        uid: Some(uid),
        expires: Some(UnixSeconds(expires)),
    };
    channel_key::generate(&request).expect("all fields are in range")
}

// R-072 R-050
#[test]
fn a_key_for_nobody_in_particular_lets_in_whoever_the_server_chooses() {
    let mut house = House::new(2);
    let args = json!({ "channelKey": key(0, DATE, 0), "channelName": "c", "uid": 0 });
    for at in [0, 1] {
        let lines = house.join(at, APP, args.clone());
        assert!(lines[0]["ok"].as_u64().is_some_and(|uid| uid > 0), "{lines:?}");
    }
}

// R-048 R-053 R-054
#[test]
fn keys_are_checked_where_the_app_has_a_certificate_and_nowhere_else() {
    let mut house = House::new(1);
    let join = |key: Value, uid: u32| json!({ "channelKey": key, "channelName": "c", "uid": uid });
    assert_eq!(house.join(0, APP, join(Value::Null, 1)), [bad("join", 110)]);
    assert_eq!(house.call(0, "join", join(json!("not a key"), 1)), [bad("join", 110)]);
    assert_eq!(house.call(0, "join", join(json!(key(2, DATE, 0)), 1)), [bad("join", 110)], "it was made for another");
    assert_eq!(house.call(0, "join", join(json!(key(1, DATE - 301, 0)), 1)), [bad("join", 109)], "too late to join with");
    assert_eq!(house.call(0, "join", join(json!(key(1, DATE - 300, 0)), 1)), [good("join", json!(1))]);
    let mut house = House::new(2);
    assert_eq!(house.join(0, "app1", join(Value::Null, 1)), [good("join", json!(1))]);
    assert_eq!(house.join(1, "nobody's", join(Value::Null, 1)), [bad("join", 101)]);
}

//
#[test]
fn channels_of_one_name_in_two_apps_never_meet() {
    let mut house = House::new(2);
    let args = json!({ "channelKey": null, "channelName": "c", "uid": 1 });
    assert_eq!(house.join(0, "app1", args.clone()), [good("join", json!(1))]);
    assert_eq!(house.join(1, "app2", args), [good("join", json!(1))], "and a uid is taken in one of them only");
    house.call(0, "leave", json!({}));
    assert_eq!(house.pages[1].lines(), Vec::<Value>::new());
}

//
#[test]
fn at_the_end_of_its_service_a_user_is_out() {
    let mut house = House::new(2);
    let join = |key: String, uid: u32| json!({ "channelKey": key, "channelName": "c", "uid": uid });
    house.join(0, APP, join(key(1, DATE, DATE + 20), 1));
    house.join(1, APP, join(key(2, DATE, 0), 2));
    house.pages.iter_mut().for_each(Page::hush);
    house.wait(19);
    assert_eq!((house.pages[0].lines(), house.pages[1].lines()), (vec![], vec![]));
    house.wait(1);
    let removed = notice("removed", json!({ "reason": Code::KEY_EXPIRED.text() }));
    assert_eq!(house.pages[0].lines(), [fault(109), removed], "once");
    assert_eq!(house.pages[1].lines(), [event("peer-leave", json!({ "uid": 1 }))]);
    assert_eq!(house.call(0, "leave", json!({})), [bad("leave", 18)]);
}
