//! Which of the videos that a session receives have died, where its application wants to know.
//!
//! The [`Watch`] follows what the session knows: a video is watched while it is subscribed to and its owner has not muted it. It goes on while the connection is away, for media may flow
//! all the same, and ends with the stay.

use alloc::vec::Vec;

use super::{Answer, CallId, Event, Session, phase::Phase, room_view::RoomView};
use crate::{
    code::Code,
    id::StreamId,
    stream::StreamInfo,
    watch::{Expected, Watch, WatchInterval},
};

impl Session {
    /// The application wants to know which videos died, or not any more.
    pub(super) fn call_watch(&mut self, call: CallId, interval: Option<WatchInterval>) {
        let result = match self.phase {
            Phase::Joined { .. } => {
                self.watch = interval.map(Watch::new);
                Ok(Answer::Done)
            }
            Phase::Reconnecting { .. } => Err(Code::NOT_CONNECTED),
            Phase::Idle | Phase::Connecting { .. } | Phase::Joining { .. } | Phase::Leaving { .. } => Err(Code::NOT_IN_ROOM),
        };
        self.answer(call, result);
    }

    /// A good picture came.
    pub(super) fn picture(&mut self, stream: StreamId) {
        let recovered = self.watch.as_mut().is_some_and(|watch| watch.picture(self.now, stream));
        if let Some(stream) = self.phase.view().filter(|_| recovered).and_then(|view| view.others.stream(stream)).cloned() {
            self.event(Event::StreamsRecovered { streams: [stream].into() });
        }
    }

    /// Brings the watch up to what is received now; nothing is kept of it outside a room.
    pub(super) fn watch_what_is_received(&mut self) {
        let Some(watch) = &mut self.watch else { return };
        match self.phase.view() {
            Some(view) => watch.expect(self.now, videos(view)),
            None => self.watch = None,
        }
    }

    /// A stay that began anew has streams of other numbers: the watch begins anew, too.
    pub(super) fn watch_anew(&mut self) {
        self.watch = self.watch.as_ref().map(|watch| Watch::new(watch.interval()));
    }

    /// Tells of all that died, at one stroke.
    pub(super) fn look_for_the_dead(&mut self) {
        let Some(watch) = &mut self.watch else { return };
        let dead = watch.handle_timeout(self.now);
        let others = self.phase.view().map(|view| &view.others);
        let mut streams: Vec<StreamInfo> = dead.into_iter().filter_map(|id| others?.stream(id).cloned()).collect();
        if !streams.is_empty() {
            streams.sort_by(|one, other| (&one.user, one.offer.kind).cmp(&(&other.user, other.offer.kind)));
            self.event(Event::StreamsInterrupted { streams });
        }
    }
}

/// The videos that ought to come, as far as the session knows.
fn videos(view: &RoomView) -> impl Iterator<Item = (StreamId, Expected)> {
    let received = view.subscriptions.iter().filter(|(_, subscription)| subscription.video.is_some());
    received.filter_map(|(id, _)| {
        let stream = view.others.stream(*id)?;
        let expected = Expected { muted: stream.video_muted, on_demand: stream.offer.sends_video_on_demand() };
        (!stream.offer.layers.is_empty()).then_some((*id, expected))
    })
}
