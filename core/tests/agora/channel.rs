//! Pages in one channel, with a real room between them: what one does, the others hear.

use core::time::Duration;
use std::collections::VecDeque;

use greenroom_core::{
    dialect::{
        Input, Output, StreamRef, VendorCall,
        agora::{Client, room_config},
    },
    id::{RoomId, SessionId},
    room::{self, Room},
    session::ConnectionId,
    stream::StreamKind,
    time::Instant,
};
use serde_json::{Value, json};

use crate::page::{bad, event, good, link, network_is, notice, object, settings};

/// Pages and a room, with nothing between them that takes time.
struct Channel {
    now: Instant,
    room: Room,
    pages: Vec<Page>,
    /// Connections by their number at the server: whose, and which of its.
    connections: Vec<(usize, ConnectionId)>,
    /// Whether connections can be made.
    network: bool,
}

struct Page {
    client: Client,
    lines: Vec<Value>,
}

impl Channel {
    /// Pages with the uids 1, 2 and so on, all in the channel.
    fn of(pages: usize) -> Self {
        let now = Instant::from_secs(1000);
        let room = Room::new(now, room_config(RoomId::new("c").expect("a valid id")));
        let page = |_| Page { client: Client::new(now, settings()), lines: vec![] };
        let mut channel = Self { now, room, pages: (0..pages).map(page).collect(), connections: vec![], network: true };
        for at in 0..pages {
            channel.call(at, "init", json!({ "appId": "app1" }));
            assert_eq!(channel.call(at, "join", json!({ "channelName": "c", "uid": at + 1 })).first(), Some(&good("join", json!(at + 1))));
        }
        channel.hush();
        channel
    }

    fn call(&mut self, at: usize, call: &str, args: Value) -> Vec<Value> {
        self.tell(at, Input::Call(VendorCall::new(call, object(args))))
    }

    fn on(&mut self, at: usize, local: &str, call: &str) -> Vec<Value> {
        self.tell(at, Input::Call(VendorCall::on(StreamRef::Local(local.into()), call, object(json!({})))))
    }

    /// A camera with sound, captured and published.
    fn publish(&mut self, at: usize) {
        let mut create = VendorCall::new("createStream", object(json!({ "local": true, "video": true })));
        create.bind = Some("cam".into());
        self.tell(at, Input::Call(create));
        self.on(at, "cam", "init");
        assert_eq!(self.call(at, "publish", json!({ "stream": { "local": "cam" } })), [good("publish", Value::Null)]);
    }

    fn tell(&mut self, at: usize, input: Input) -> Vec<Value> {
        self.pages[at].client.handle_input(self.now, input).expect("stories are understood");
        self.settle();
        self.lines(at)
    }

    fn lines(&mut self, at: usize) -> Vec<Value> {
        core::mem::take(&mut self.pages[at].lines)
    }

    fn hush(&mut self) {
        for page in &mut self.pages {
            page.lines.clear();
        }
    }

    /// Breaks the connection of a page, and tells both ends.
    fn cut(&mut self, at: usize) {
        let session = self.connections.iter().rposition(|(page, _)| *page == at).expect("it has one");
        let (_, connection) = self.connections[session];
        let session = SessionId(u64::try_from(session).expect("few connections"));
        self.room.handle_input(self.now, room::Input::Disconnected { session }).expect("time stands still");
        self.tell_quietly(at, Input::Closed { connection });
    }

    fn tell_quietly(&mut self, at: usize, input: Input) {
        self.pages[at].client.handle_input(self.now, input).expect("stories are understood");
        self.settle();
    }

    fn wait(&mut self, span: Duration) {
        let until = self.now.saturating_add(span);
        loop {
            let timers = self.pages.iter().filter_map(|page| page.client.poll_timeout()).chain(self.room.poll_timeout());
            let Some(at) = timers.min().filter(|at| *at <= until) else { break };
            self.now = at;
            self.room.handle_timeout(at);
            for page in &mut self.pages {
                page.client.handle_timeout(at);
            }
            self.settle();
        }
        self.now = until;
    }

    /// Carries what each says to the others until nobody says anything.
    fn settle(&mut self) {
        let mut news: VecDeque<(usize, Input)> = VecDeque::new();
        loop {
            for at in 0..self.pages.len() {
                while let Some(output) = self.pages[at].client.poll_output() {
                    self.obey(at, output, &mut news);
                }
            }
            while let Some(output) = self.room.poll_output() {
                let (sessions, message) = match output {
                    room::Output::Send { to, message } => (self.room.sessions_of(&to).collect(), message),
                    room::Output::Snapshot(snapshot) => (vec![snapshot.session], self.room.snapshot(&snapshot)),
                    room::Output::Close { .. } | room::Output::Media(_) | room::Output::Event(_) => continue,
                };
                for SessionId(session) in sessions {
                    let (page, connection) = self.connections[usize::try_from(session).expect("few connections")];
                    news.push_back((page, Input::Received { connection, message: message.clone() }));
                }
            }
            let Some((at, input)) = news.pop_front() else { return };
            self.pages[at].client.handle_input(self.now, input).expect("time stands still");
        }
    }

    fn obey(&mut self, at: usize, output: Output, news: &mut VecDeque<(usize, Input)>) {
        let session_of = |connection: ConnectionId| {
            let found = self.connections.iter().position(|known| *known == (at, connection)).expect("it was made");
            SessionId(u64::try_from(found).expect("few connections"))
        };
        match output {
            Output::Connect { connection } if self.network => {
                self.connections.push((at, connection));
                news.extend([(at, Input::Found { connection }), (at, Input::Opened { connection })]);
            }
            Output::Connect { connection } => news.push_back((at, Input::Closed { connection })),
            Output::Send { connection, frame } => {
                let session = session_of(connection);
                self.room.handle_input(self.now, room::Input::Message { session, frame }).expect("time stands still");
            }
            Output::Disconnect { connection } => {
                let session = session_of(connection);
                self.room.handle_input(self.now, room::Input::Disconnected { session }).expect("time stands still");
            }
            Output::Return { call, result, .. } => self.pages[at].lines.push(match result {
                Ok(value) => good(&call, value),
                Err(error) => bad(&call, error.code),
            }),
            Output::Event { name, data, .. } => self.pages[at].lines.push(event(name, data)),
            Output::Notice { name, data } => self.pages[at].lines.push(notice(name, data)),
            Output::Host(_) => {}
        }
    }
}

fn names(lines: &[Value]) -> Vec<&str> {
    lines.iter().filter_map(|line| line["event"].as_str()).collect()
}

// R-093 R-110
#[test]
fn what_one_publishes_the_others_learn_of_and_subscribe_to() {
    let mut channel = Channel::of(3);
    channel.publish(0);
    for at in [1, 2] {
        let lines = channel.lines(at);
        assert_eq!(names(&lines), ["stream-added"]);
        assert_eq!(lines[0]["data"]["stream"]["uid"], 1);
    }
    let lines = channel.call(1, "subscribe", json!({ "stream": { "user": 1 } }));
    assert_eq!(lines[0], good("subscribe", Value::Null));
    assert_eq!(names(&lines), ["stream-subscribed"]);
    assert_eq!((channel.lines(0), channel.lines(2)), (vec![], vec![]), "nobody else hears of it");
    channel.call(0, "unpublish", json!({ "stream": { "local": "cam" } }));
    let lines = channel.lines(1);
    assert_eq!((names(&lines), &lines[0]["notice"]), (vec![], &json!("stream-removed")));
    assert_eq!(channel.call(1, "unsubscribe", json!({ "stream": { "user": 1 } })), [bad("unsubscribe", 2)], "it went with the stream");
}

// R-149 R-150
#[test]
fn what_one_disables_the_others_hear_and_receivers_get_the_stream_again() {
    let mut channel = Channel::of(3);
    channel.publish(0);
    channel.call(1, "subscribe", json!({ "stream": { "user": 1 } }));
    channel.hush();
    let video = |muted: bool| event("peer-mute-video", json!({ "msg": { "uid": 1, "muted": muted } }));
    assert_eq!(channel.on(0, "cam", "disableVideo"), [good("disableVideo", Value::Null)]);
    channel.on(0, "cam", "disableVideo");
    assert_eq!((channel.lines(1), channel.lines(2)), (vec![video(true)], vec![video(true)]), "once");
    channel.on(0, "cam", "enableVideo");
    assert_eq!(channel.lines(2), [video(false)]);
    assert_eq!(names(&channel.lines(1)), ["peer-mute-video", "stream-added"]);
    channel.on(0, "cam", "disableAudio");
    let audio = event("peer-mute-audio", json!({ "msg": { "uid": 1, "muted": true } }));
    assert_eq!((channel.lines(1), channel.lines(2)), (vec![audio.clone()], vec![audio]));
}

//
#[test]
fn whoever_leaves_or_closes_or_drops_out_is_told_to_have_left() {
    let mut channel = Channel::of(4);
    let left = |uid: u32| event("peer-leave", json!({ "uid": uid }));
    assert_eq!(channel.call(0, "leave", json!({})), [good("leave", Value::Null)]);
    assert_eq!(channel.lines(3), [left(1)]);
    channel.call(1, "close", json!({}));
    assert_eq!(channel.lines(3), [left(2)]);
    channel.network = false;
    channel.cut(2);
    assert_eq!(channel.lines(3), Vec::<Value>::new(), "it may come back");
    channel.wait(Duration::from_secs(31));
    assert_eq!(channel.lines(3), [left(3)]);
}

// R-003 R-073
#[test]
fn a_uid_that_is_present_stays_with_who_has_it() {
    let mut channel = Channel::of(2);
    channel.call(1, "leave", json!({}));
    channel.hush();
    assert_eq!(channel.call(1, "join", json!({ "channelName": "c", "uid": 1 })), [bad("join", 17)]);
    assert_eq!(channel.lines(0), Vec::<Value>::new());
    assert_eq!(channel.call(0, "join", json!({ "channelName": "c", "uid": 1 })), [bad("join", 17)]);
    assert_eq!(channel.call(1, "join", json!({ "channelName": "c", "uid": 2 }))[0], good("join", json!(2)));
}

// R-030 R-032
#[test]
fn a_short_absence_is_nobodys_business_but_the_users() {
    let mut channel = Channel::of(2);
    channel.publish(0);
    channel.call(1, "subscribe", json!({ "stream": { "user": 1 } }));
    channel.hush();
    channel.network = false;
    channel.cut(1);
    channel.wait(Duration::from_secs(5));
    channel.network = true;
    channel.wait(Duration::from_secs(20));
    let lines = channel.lines(1);
    assert_eq!(lines[..2], [link("CONNECTION_INTERRUPTED"), network_is(true)]);
    assert_eq!((&lines[2]["notice"], &lines[3..]), (&json!("restored"), &[network_is(false)][..]));
    assert_eq!(channel.lines(0), Vec::<Value>::new());
    channel.on(0, "cam", "disableVideo");
    channel.on(0, "cam", "enableVideo");
    assert_eq!(names(&channel.lines(1)), ["peer-mute-video", "peer-mute-video", "stream-added"], "it receives the stream still");
}

//
#[test]
fn after_a_long_absence_a_user_is_back_with_its_stream_and_what_it_received() {
    let mut channel = Channel::of(2);
    channel.publish(0);
    channel.publish(1);
    channel.call(0, "subscribe", json!({ "stream": { "user": 2 } }));
    channel.call(1, "subscribe", json!({ "stream": { "user": 1 } }));
    channel.on(1, "cam", "disableAudio");
    channel.hush();
    channel.network = false;
    channel.cut(1);
    channel.wait(Duration::from_secs(60));
    assert_eq!(names(&channel.lines(0)), ["peer-leave"]);
    assert_eq!(names(&channel.lines(1)), ["error", "error"]);
    channel.network = true;
    channel.wait(Duration::from_secs(10));
    let lines = channel.lines(0);
    assert_eq!(names(&lines), ["stream-added", "peer-mute-audio"], "it publishes again, muted as it was: {lines:?}");
    assert_eq!(names(&channel.lines(1)), Vec::<&str>::new());
    channel.on(0, "cam", "disableVideo");
    channel.on(0, "cam", "enableVideo");
    assert_eq!(names(&channel.lines(1)), ["peer-mute-video", "peer-mute-video", "stream-added"], "it receives again");
    channel.on(1, "cam", "enableAudio");
    assert_eq!(names(&channel.lines(0)), ["peer-mute-audio"]);
}

#[test]
fn a_stream_object_of_somebody_else_names_its_owner() {
    let mut channel = Channel::of(2);
    channel.publish(0);
    let stream = StreamRef::Remote { user: "1".into(), kind: StreamKind::Main };
    channel.hush();
    let lines = channel.tell(1, Input::Call(VendorCall::on(stream, "getId", object(json!({})))));
    assert_eq!(lines, [good("getId", json!(1))]);
}
