//! Asking publishers for key frames: one request for everyone who waits.
//!
//! A key frame costs several times an ordinary picture, and every viewer of a layer gets it. So the requests of all viewers fold into one per stream and layer, with
//! two clocks: a request is repeated after [`limits::KEY_FRAME_RETRY`] if the key frame does not come (the request or the key frame was lost), and two requests are
//! never closer than [`limits::KEY_FRAME_INTERVAL`], or each viewer who joins would cost everyone a key frame.

use alloc::collections::{BTreeMap, BTreeSet};
use core::time::Duration;

use crate::{
    id::{LayerId, StreamId},
    limits,
    time::Instant,
};

/// The key frames that are asked for, per stream and layer. What is neither wanted nor asked for within the interval is forgotten.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct KeyFrameRequests {
    requests: BTreeMap<Key, Request>,
    /// The deadlines of all that are [`State::Asked`] or [`State::Deferred`].
    due: BTreeSet<(Instant, Key)>,
    /// When each that is [`State::Quiet`] can be forgotten.
    fading: BTreeSet<(Instant, Key)>,
}

type Key = (StreamId, LayerId);

/// What is known about one layer's key frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Request {
    /// When the publisher was last asked.
    asked: Instant,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum State {
    /// The publisher was asked and has not answered.
    Asked,
    /// Wanted again, too soon after the last request.
    Deferred,
    /// Not wanted. Kept for the interval's sake.
    Quiet,
}

impl State {
    /// How long after the last request something is to be done.
    const fn wait(self) -> Duration {
        match self {
            Self::Asked => limits::KEY_FRAME_RETRY,
            Self::Deferred | Self::Quiet => limits::KEY_FRAME_INTERVAL,
        }
    }
}

impl KeyFrameRequests {
    /// Says that somebody waits for a key frame. True: ask the publisher now. False: it was asked already, or too recently; then the request falls due by itself.
    pub fn want(&mut self, now: Instant, stream: StreamId, layer: LayerId) -> bool {
        self.forget_faded(now);
        let key = (stream, layer);
        match self.requests.get(&key) {
            None => {
                self.put(key, Request { asked: now, state: State::Asked });
                true
            }
            Some(&Request { asked, state: State::Quiet }) => {
                self.put(key, Request { asked, state: State::Deferred });
                false
            }
            Some(Request { state: State::Asked | State::Deferred, .. }) => false,
        }
    }

    /// Says that a key frame came: whoever waited has it.
    pub fn arrived(&mut self, stream: StreamId, layer: LayerId) {
        self.quieten((stream, layer));
    }

    /// Says that nobody waits any more. When the publisher was last asked stays known.
    pub fn cancel(&mut self, stream: StreamId, layer: LayerId) {
        self.quieten((stream, layer));
    }

    /// Forgets all of a stream that is gone.
    pub fn forget_stream(&mut self, stream: StreamId) {
        let layers = (stream, LayerId(u8::MIN))..=(stream, LayerId(u8::MAX));
        while let Some((&key, _)) = self.requests.range(layers.clone()).next() {
            self.take(key);
        }
    }

    /// Forgets all of a layer that is gone.
    pub fn forget_layer(&mut self, stream: StreamId, layer: LayerId) {
        self.take((stream, layer));
    }

    /// When the next request falls due: a repetition, or one that came too soon.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.due.first().map(|&(at, _)| at)
    }

    /// Takes one request that is due: ask the publisher now. None if none is. Deadlines that fall on one instant come in order of stream and layer.
    pub fn take_due(&mut self, now: Instant) -> Option<(StreamId, LayerId)> {
        self.forget_faded(now);
        let &(_, key) = self.due.first()?;
        let request = self.requests.get(&key)?;
        // Not by comparing with the deadline: at the end of time that one saturates, and asking would never end.
        if now.saturating_since(request.asked) < request.state.wait() {
            return None;
        }
        self.put(key, Request { asked: now, state: State::Asked });
        Some(key)
    }

    /// How many layers are kept in mind.
    pub fn len(&self) -> usize {
        self.requests.len()
    }

    /// Whether nothing is kept in mind.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    fn quieten(&mut self, key: Key) {
        if let Some(&Request { asked, .. }) = self.requests.get(&key) {
            self.put(key, Request { asked, state: State::Quiet });
        }
    }

    fn forget_faded(&mut self, now: Instant) {
        while let Some(&(at, key)) = self.fading.first() {
            if at > now {
                return;
            }
            self.take(key);
        }
    }

    /// Puts `request` in the place of what is known, and its deadline where it belongs.
    fn put(&mut self, key: Key, request: Request) {
        self.take(key);
        self.requests.insert(key, request);
        self.deadlines(request.state).insert((request.asked.saturating_add(request.state.wait()), key));
    }

    fn take(&mut self, key: Key) {
        if let Some(request) = self.requests.remove(&key) {
            self.deadlines(request.state).remove(&(request.asked.saturating_add(request.state.wait()), key));
        }
    }

    fn deadlines(&mut self, state: State) -> &mut BTreeSet<(Instant, Key)> {
        match state {
            State::Asked | State::Deferred => &mut self.due,
            State::Quiet => &mut self.fading,
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    const STREAM: StreamId = StreamId(7);
    const LAYER: LayerId = LayerId(2);

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn five_hundred_viewers_are_one_request() {
        let mut requests = KeyFrameRequests::default();
        let asked = (0..500).filter(|i| requests.want(at(i / 10), STREAM, LAYER)).count();
        assert_eq!(asked, 1);
        // All of them wait on; the publisher is asked once a second.
        assert_eq!(requests.poll_timeout(), Some(at(1000)));
        assert_eq!(requests.take_due(at(999)), None);
        assert_eq!(requests.take_due(at(1000)), Some((STREAM, LAYER)));
        assert_eq!(requests.take_due(at(1000)), None);
        assert_eq!(requests.poll_timeout(), Some(at(2000)));
        assert_eq!(requests.len(), 1);
    }

    #[test]
    fn viewers_who_keep_coming_cost_one_key_frame_per_interval() {
        // Given a publisher who answers within 50 ms, and a viewer who joins every 10 ms for three seconds,
        let mut requests = KeyFrameRequests::default();
        let mut asked = Vec::new();
        for ms in (0..3000).step_by(10) {
            let due = requests.take_due(at(ms)).is_some();
            if requests.want(at(ms), STREAM, LAYER) || due {
                asked.push(ms);
            }
            if asked.last() == Some(&(ms.saturating_sub(50))) {
                requests.arrived(STREAM, LAYER);
            }
        }
        // then the requests are 300 ms apart.
        assert_eq!(asked, [0, 300, 600, 900, 1200, 1500, 1800, 2100, 2400, 2700]);
    }

    #[test]
    fn a_lost_request_is_repeated_until_the_key_frame_comes() {
        let mut requests = KeyFrameRequests::default();
        assert!(requests.want(at(0), STREAM, LAYER));
        for second in 1..=5 {
            assert_eq!(requests.take_due(at(second * 1000)), Some((STREAM, LAYER)));
        }
        requests.arrived(STREAM, LAYER);
        assert_eq!((requests.poll_timeout(), requests.take_due(at(60_000))), (None, None));
        assert!(requests.is_empty());
    }

    #[test]
    fn a_cancelled_request_is_not_repeated_and_still_limits_the_next() {
        let mut requests = KeyFrameRequests::default();
        assert!(requests.want(at(0), STREAM, LAYER));
        requests.cancel(STREAM, LAYER);
        assert_eq!(requests.poll_timeout(), None);
        assert!(!requests.want(at(100), STREAM, LAYER));
        assert_eq!(requests.poll_timeout(), Some(at(300)));
        requests.cancel(STREAM, LAYER);
        assert_eq!(requests.take_due(at(300)), None);
        assert!(requests.want(at(300), STREAM, LAYER), "the interval is over");
    }

    #[test]
    fn layers_and_streams_are_apart() {
        let mut requests = KeyFrameRequests::default();
        assert!(requests.want(at(0), STREAM, LAYER));
        assert!(requests.want(at(0), STREAM, LayerId(0)));
        assert!(requests.want(at(0), StreamId(8), LAYER));
        requests.forget_stream(STREAM);
        assert_eq!(requests.take_due(at(1000)), Some((StreamId(8), LAYER)));
        assert_eq!(requests.take_due(at(1000)), None);
        // A stream that was forgotten starts afresh.
        assert!(requests.want(at(1000), STREAM, LAYER));
    }

    #[test]
    fn what_is_over_is_forgotten() {
        let mut requests = KeyFrameRequests::default();
        for i in 0..100_000 {
            let stream = StreamId(i);
            assert!(requests.want(at(u64::from(i)), stream, LAYER));
            requests.arrived(stream, LAYER);
            assert!(requests.len() <= 300, "one a millisecond, each kept for 300 ms");
        }
    }

    #[test]
    fn the_end_of_time_is_no_loop() {
        let mut requests = KeyFrameRequests::default();
        assert!(requests.want(Instant::MAX, STREAM, LAYER));
        assert_eq!(requests.take_due(Instant::MAX), None);
    }
}
