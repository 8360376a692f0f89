//! How good its connection is, as the client scores it: every two seconds a window of each direction, made of what is counted anyway. No datagram is sent for it.
//!
//! # What is whose fault
//!
//! A client is told of its own two ways, and must not be told of anybody else's:
//!
//! - **Up** is what the server reports of what came there. A camera here sends what it means to whatever its line carries, so that its rate says nothing, and what the line cannot carry shows as loss.
//! - **Down** takes no more packets for lost than the connection's own numbers miss (see [`Passage`]): what was lost between a publisher and the server is not lost again. A picture stands still for the
//!   connection's sake only if it lost something, and a time in which nothing at all came of a stream, although nothing was lost, is its publisher's.
//! - **The rate** of a video is compared with the highest layer that was asked for; but only where the way down has shown since that layer last came in full that it carries no more: it lost something, or took
//!   [`WAIT`] longer than at its best. A way that does neither brings what is sent, and why so little is sent is not its fault. Nor is it in the first [`SETTLING`], or after a standstill, before the layer was reached: the
//!   server is still finding out. A voice's rate is the speaker's affair.
//!
//! What no client can know is why less is sent to it than it asked for. Where the *publisher's* line carries no high layer, a viewer whose own line loses packets as well finds its rate wanting.

use core::time::Duration;

use greenroom_core::{
    limits,
    quality::{Activity, Counters, Reading, Thresholds},
    session,
    stream::{StreamKind, TrackKind},
    time::Instant,
};

use super::{Camera, ClientNode, Standing, views::View};
use crate::{
    media::{Arrived, Meant, Observer, Passage, TrackId},
    record::SAMPLE_INTERVAL,
};

/// For how long a video's rate may be found: a choice, from the calls that come with the program, in which the highest layer that a line carries is reached within eight seconds.
const SETTLING: Duration = Duration::from_secs(10);

/// How much longer than at its best a round trip shows that packets wait. A choice: a picture at 30 Hz and half another one, as in the model of bandwidth estimation.
const WAIT: Duration = Duration::from_millis(50);

/// What a client knows of its connection beyond what is counted. When its next window ends is looked at oftener than all else, and stands in front.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Quality {
    /// When the next window ends. Windows are everybody's, as samples are.
    next: Instant,
    observer: Observer,
    passage: Passage,
    /// What was lost in the window before: a gap shows in a stream up to a picture later than in the connection's numbers.
    lost_before: u32,
    /// The shortest round trip.
    best_rtt: Option<Duration>,
    transport: Transport,
}

/// How the media transport stands.
#[derive(Clone, Copy, Debug)]
enum Transport {
    /// It is not connected yet, and was made then.
    Connecting { since: Instant },
    /// It is, since then.
    Connected { since: Instant },
}

/// What is meant to come of a view's video, and how its picture stood.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flowing {
    /// Since when it is meant to come; none while it is muted.
    since: Option<Instant>,
    /// Whether its highest layer came at its rate since then.
    reached: bool,
    /// Whether the way down has shown since it last came in full that it carries no more.
    strained: bool,
    /// Bytes of it at the end of the window before.
    octets: u32,
    /// Samples of this window in which nothing of the stream came.
    idle_samples: u32,
    /// For how long its picture stood still, as far as it moved again.
    frozen: Duration,
    /// The same with the time that it stands still now. It never falls.
    frozen_told: Duration,
}

impl Flowing {
    pub(super) fn new(now: Instant, muted: bool) -> Self {
        let since = (!muted).then_some(now);
        Self { since, reached: false, strained: false, octets: 0, idle_samples: 0, frozen: Duration::ZERO, frozen_told: Duration::ZERO }
    }

    /// A sample was taken in which so many packets of the stream, sound and picture, had come.
    pub(super) fn sampled(&mut self, packets: u64) {
        self.idle_samples += u32::from(packets == 0);
    }

    /// The picture stood still for so long.
    pub(super) fn froze(&mut self, span: Duration) {
        self.frozen = self.frozen.saturating_add(span);
    }

    /// The video was muted or unmuted, or comes over another transport: what was measured of it says nothing of what follows.
    pub(super) fn begin(&mut self, now: Instant, muted: bool) {
        if muted != self.since.is_none() {
            self.since = (!muted).then_some(now);
            self.reached = false;
        }
    }
}

impl Quality {
    pub(super) fn new(now: Instant) -> Self {
        let transport = Transport::Connecting { since: now };
        Self {
            observer: Observer::default(),
            next: next_window(now),
            passage: Passage::default(),
            lost_before: 0,
            best_rtt: None,
            transport,
        }
    }

    /// The transport is another one from here on, not connected yet.
    pub(super) fn restart(&mut self, now: Instant) {
        *self = Self { next: self.next, ..Self::new(now) };
    }

    pub(super) fn connected(&mut self, now: Instant) {
        self.transport = Transport::Connected { since: now };
    }
}

impl ClientNode {
    /// Ends the window if it is time, and lets the session score it. Samples were taken before.
    pub(super) fn take_window(&mut self) {
        let now = self.now;
        if self.quality.next > now {
            return;
        }
        self.quality.next = next_window(now);
        let (Some(peer), Standing::Inside { .. }) = (&self.peer, self.standing) else { return };
        let connected_since = match self.quality.transport {
            Transport::Connected { since } if peer.is_connected() => since,
            Transport::Connected { since } | Transport::Connecting { since } => {
                if now.saturating_since(since) >= Thresholds::default().silence {
                    self.tell_session(session::Input::Window { up: Reading::Disconnected, down: Reading::Disconnected });
                }
                return;
            }
        };
        let Quality { observer, passage, lost_before, best_rtt, .. } = &mut self.quality;
        let came = peer.passage();
        let lost = came.lost_since(core::mem::replace(passage, came));
        let lost_most = lost.saturating_add(core::mem::replace(lost_before, lost));
        let sent: Vec<Meant> = self.cameras.values().flat_map(meant).collect();
        let rtt = peer.rtt();
        *best_rtt = (*best_rtt).into_iter().chain(rtt).min();
        let waits = rtt.zip(*best_rtt).is_some_and(|(rtt, best)| rtt >= best + WAIT);
        let strained = lost_most > 0 || waits;
        let watched = self.views.iter_mut().flat_map(|view| view.arrived(now, connected_since, strained)).flatten();
        let arrived: Vec<_> = watched.chain(self.voices.arrived()).collect();
        let (up, down) = observer.close_counted(limits::QUALITY_WINDOW, peer, &sent, &arrived, Some(lost_most));
        self.tell_session(session::Input::Window { up, down });
    }
}

/// What a camera means to send.
fn meant(camera: &Camera) -> Vec<Meant> {
    let (audio_muted, video_muted) = camera.muted();
    let tracks = [(TrackKind::Audio, camera.has_audio(), audio_muted), (TrackKind::Video, !camera.rids().is_empty(), video_muted)];
    let meant = |(kind, _, muted)| {
        let active = if muted { Duration::ZERO } else { limits::QUALITY_WINDOW };
        Meant { track: TrackId { stream: camera.stream(), kind }, activity: Activity { target_bps: 0, active } }
    };
    tracks.into_iter().filter(|(_, is_sent, _)| *is_sent).map(meant).collect()
}

impl View {
    /// What came of each track in the window that ends now, over a transport that is connected since then, and whose way down has or has not shown that it carries no more.
    fn arrived(&mut self, now: Instant, connected_since: Instant, is_strained: bool) -> [Option<Arrived>; 2] {
        let track = |kind| TrackId { stream: self.info.id, kind };
        let highest_wished = self.highest_wished().cloned();
        let [audio_jitter, video_jitter] = self.jitters();
        let Flowing { since, reached, strained, octets, idle_samples, frozen, frozen_told } = &mut self.flowing;
        let idle = SAMPLE_INTERVAL.saturating_mul(core::mem::take(idle_samples));
        let flowing_since = |since: Instant| now.saturating_since(since.max(connected_since));
        let active = |since: Option<Instant>| since.map_or(Duration::ZERO, flowing_since).min(limits::QUALITY_WINDOW.saturating_sub(idle));

        let audio_since = (!self.info.audio_muted).then_some(connected_since);
        let audio = self.info.offer.audio_bps.map(|_| Arrived {
            meant: Meant { track: track(TrackKind::Audio), activity: Activity { target_bps: 0, active: active(audio_since) } },
            counters: self.audio.counters(),
            jitter: audio_jitter,
        });

        let counters = self.video.counters();
        let video = highest_wished.map(|highest| {
            let active = active(*since);
            // A page that stands still takes next to nothing: a screen's rate says nothing of the way.
            let wanted_bps = if self.info.offer.kind == StreamKind::Main { highest.max_bps } else { 0 };
            let came = core::mem::replace(octets, counters.octets);
            let bits_in_full = u128::from(highest.max_bps) * active.as_millis() / 1000;
            let enough = bits_in_full * u128::from(Thresholds::default().rate_enough.billionths()) / 1_000_000_000;
            // In a whole window: what comes after a standstill begins with key frames and repairs, at a rate that does not last.
            let is_whole = active == limits::QUALITY_WINDOW && u128::from(counters.octets.wrapping_sub(came)) * 8 >= enough;
            *reached |= is_whole;
            *strained = !is_whole && (*strained || is_strained);
            let is_settled = *reached || since.is_some_and(|since| flowing_since(since) >= SETTLING);

            // After a standstill a video is found anew, as at first.
            if idle >= limits::QUALITY_WINDOW / 2 {
                *since = since.map(|_| now);
                *reached = false;
            }
            let standing = frozen.saturating_add(self.pictures.standing_still(now)).max(*frozen_told);
            // What stood still while nothing of the stream came is its publisher's, and taken off.
            let stood_still = standing.saturating_sub(core::mem::replace(frozen_told, standing)).saturating_sub(idle);
            self.freeze_ms = self.freeze_ms.wrapping_add(u32::try_from(stood_still.as_millis()).unwrap_or(u32::MAX >> 1));
            let activity = Activity { target_bps: if is_settled && (*strained || is_whole) { wanted_bps } else { 0 }, active };
            let counters = Counters { freeze_ms: self.freeze_ms, ..counters };
            Arrived { meant: Meant { track: track(TrackKind::Video), activity }, counters, jitter: video_jitter }
        });
        [audio, video]
    }
}

/// The end of the window in which `now` lies.
fn next_window(now: Instant) -> Instant {
    let window_ns = u64::try_from(limits::QUALITY_WINDOW.as_nanos()).expect("a window is two seconds");
    Instant::from_nanos((now.as_nanos() / window_ns + 1).saturating_mul(window_ns))
}
