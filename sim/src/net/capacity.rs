//! What a link can carry over time, and the transmitter that carries it.
//!
//! **Time is exact.** The transmitter counts in *nanobits*: at `r` bits per second each nanosecond carries exactly `r` of them, and a packet is its bits times 10⁹. A departure is
//! rounded up to the whole nanosecond in which it happens; the nanobits which that nanosecond has to spare go to the next packet if it was waiting. So a busy train of any length ends
//! within 1 ns of the fluid answer, through any number of rate steps: nothing accumulates, and nothing is a float.

use core::time::Duration;

use greenroom_core::{stream::BitsPerSecond, time::Instant};

use super::{
    bucket::Bucket,
    trace::{Cursor, Trace},
};

/// What a link can carry over time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Capacity {
    /// So many bits per second, in steps.
    Rate(RateSchedule),
    /// So many opportunities of 1500 bytes, as recorded.
    Trace(Trace),
}

impl Capacity {
    /// The same rate at all times.
    pub fn constant(rate_bps: BitsPerSecond) -> Self {
        Self::Rate(RateSchedule::constant(rate_bps))
    }

    /// No limit at any time.
    pub fn unlimited() -> Self {
        Self::Rate(RateSchedule::unlimited())
    }

    /// Bits per second at `now`; none is not limited. Of a trace, what it carries in the second that begins then.
    pub fn at(&self, now: Instant) -> Option<BitsPerSecond> {
        match self {
            Self::Rate(schedule) => schedule.at(now),
            Self::Trace(trace) => Some(trace.second_bps(now)),
        }
    }

    /// The steps of a rate. A trace has none: it never stands still for good.
    pub fn steps(&self) -> &[(Instant, Option<BitsPerSecond>)] {
        match self {
            Self::Rate(schedule) => schedule.steps(),
            Self::Trace(_) => &[],
        }
    }
}

impl From<RateSchedule> for Capacity {
    fn from(schedule: RateSchedule) -> Self {
        Self::Rate(schedule)
    }
}

/// Bits per second as a function of time: steps, the first at time zero, each lasting until the next and the last for good.
///
/// A rate of none is not limited; a rate of zero stands still until the next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateSchedule(Vec<(Instant, Option<BitsPerSecond>)>);

/// Why steps are no schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// The beginning is left open.
    #[error("the first step must be at 0 s")]
    BeginningOpen,
    /// A step is not later than the one before it.
    #[error("step {at} is not later than the one before it")]
    NotRising {
        /// The place of the offending step.
        at: usize,
    },
}

impl RateSchedule {
    /// A schedule of these steps: from each time on, that rate.
    pub fn new(steps: Vec<(Instant, Option<BitsPerSecond>)>) -> Result<Self, ScheduleError> {
        if steps.first().is_none_or(|(at, _)| *at != Instant::ZERO) {
            return Err(ScheduleError::BeginningOpen);
        }
        match steps.windows(2).position(|pair| pair[1].0 <= pair[0].0) {
            Some(before) => Err(ScheduleError::NotRising { at: before + 1 }),
            None => Ok(Self(steps)),
        }
    }

    /// The same rate at all times.
    pub fn constant(rate_bps: BitsPerSecond) -> Self {
        Self(vec![(Instant::ZERO, Some(rate_bps))])
    }

    /// No limit at any time.
    pub fn unlimited() -> Self {
        Self(vec![(Instant::ZERO, None)])
    }

    /// The steps, in order of time.
    pub fn steps(&self) -> &[(Instant, Option<BitsPerSecond>)] {
        &self.0
    }

    /// The rate at `now`; none is not limited.
    pub fn at(&self, now: Instant) -> Option<BitsPerSecond> {
        let after = self.0.partition_point(|(at, _)| *at <= now);
        self.0[after.saturating_sub(1)].1
    }
}

/// What serves packets, one after the other: a shaper, if there is one, and the transmitter behind it.
#[derive(Clone, Debug)]
pub(super) struct Server {
    transmitter: Transmitter,
    /// Boxed: few links have one, and it is larger than all else here.
    shaper: Option<Box<Bucket>>,
}

/// When a packet is served.
#[derive(Clone, Copy, Debug)]
pub(super) struct Service {
    /// It waits no longer.
    pub(super) start: Instant,
    /// Its last bit is out.
    pub(super) end: Instant,
}

#[derive(Clone, Debug)]
enum Transmitter {
    Rate(RateTransmitter),
    Trace(Cursor),
}

impl Server {
    pub(super) fn new(capacity: Capacity, shaper: Option<Bucket>) -> Self {
        let transmitter = match capacity {
            Capacity::Rate(schedule) => Transmitter::Rate(RateTransmitter::new(schedule)),
            Capacity::Trace(trace) => Transmitter::Trace(Cursor::new(trace)),
        };
        Self { transmitter, shaper: shaper.map(Box::new) }
    }

    /// When the transmitter could begin with a packet that came at `came`, tokens aside.
    #[inline]
    pub(super) fn ready(&self, came: Instant) -> Instant {
        match &self.transmitter {
            Transmitter::Rate(transmitter) => came.max(transmitter.free_at()),
            Transmitter::Trace(cursor) => cursor.begin(came),
        }
    }

    /// When a packet that came at `came` would begin to be served.
    #[inline]
    pub(super) fn begin(&self, came: Instant, wire_bytes: u64) -> Instant {
        let ready = self.ready(came);
        match &self.shaper {
            None => ready,
            Some(shaper) => match shaper.conforms(came, wire_bytes) {
                Some(conforms) if conforms > ready => self.ready(conforms),
                Some(_) => ready,
                None => Instant::MAX,
            },
        }
    }

    /// Serves a packet that came at `came`, behind all earlier ones.
    #[expect(clippy::inline_always, reason = "for every packet of every link")]
    #[inline(always)]
    pub(super) fn serve(&mut self, came: Instant, wire_bytes: u64) -> Service {
        let mut came = came;
        if let Some(shaper) = &mut self.shaper {
            let Some(conforms) = shaper.conforms(came, wire_bytes) else { return Service { start: Instant::MAX, end: Instant::MAX } };
            // Its tokens are gone when it goes, and it goes when the transmitter is ready, too.
            let ready = match &self.transmitter {
                Transmitter::Rate(transmitter) => conforms.max(transmitter.free_at()),
                Transmitter::Trace(cursor) => cursor.begin(conforms),
            };
            shaper.take(ready, wire_bytes);
            if conforms > self.ready(came) {
                came = conforms;
            }
        }
        match &mut self.transmitter {
            Transmitter::Rate(transmitter) => {
                let start = came.max(transmitter.free_at());
                Service { start, end: transmitter.transmit(came, wire_bytes) }
            }
            Transmitter::Trace(cursor) => {
                let (start, end) = cursor.carry(came, wire_bytes);
                Service { start, end }
            }
        }
    }

    /// Bits per second at `now`; none is not limited.
    pub(super) fn rate_at(&self, now: Instant) -> Option<BitsPerSecond> {
        let transmitter = match &self.transmitter {
            Transmitter::Rate(transmitter) => {
                let after = transmitter.steps.partition_point(|(at, _)| *at <= now);
                transmitter.steps[after.saturating_sub(1)].1
            }
            Transmitter::Trace(cursor) => Some(cursor.trace().mean_bps()),
        };
        match (&self.shaper, transmitter) {
            (Some(shaper), rate) => Some(rate.unwrap_or(u64::MAX).min(shaper.rate_bps())),
            (None, rate) => rate,
        }
    }

    /// The same where the transmitter is still in the first step of its schedule, and `now` too; none where it is not.
    #[expect(clippy::option_option, reason = "whether it is known, and whether there is a limit, are two questions")]
    pub(super) fn rate_at_first(&self, now: Instant) -> Option<Option<BitsPerSecond>> {
        match &self.transmitter {
            Transmitter::Rate(transmitter) if transmitter.step == 0 && now.as_nanos() < transmitter.step_ends_ns => {
                Some(transmitter.rate_bps)
            }
            Transmitter::Rate(_) | Transmitter::Trace(_) => None,
        }
    }

    /// Whether a packet of that size can ever be served.
    #[inline]
    pub(super) fn takes(&self, wire_bytes: u64) -> bool {
        self.shaper.as_ref().is_none_or(|shaper| shaper.holds(wire_bytes))
    }
}

/// A transmitter with a rate: one packet after the other, at the rate of the moment.
#[derive(Clone, Debug)]
#[repr(C)]
struct RateTransmitter {
    /// When it has sent all it was given, rounded up to the whole nanosecond.
    free_at_ns: u64,
    /// Nanobits that the last nanosecond before `free_at_ns` could still carry.
    spare: u64,
    /// The rate of the step that `free_at_ns` lies in, or an earlier one, and when that step ends: here, because the schedule lies elsewhere in memory.
    rate_bps: Option<BitsPerSecond>,
    step_ends_ns: u64,
    step: usize,
    steps: Vec<(Instant, Option<BitsPerSecond>)>,
}

/// Nanobits of one byte.
pub(super) const NANOBITS_PER_BYTE: u64 = 8 * 1_000_000_000;

impl RateTransmitter {
    fn new(RateSchedule(steps): RateSchedule) -> Self {
        let mut transmitter = Self { free_at_ns: 0, spare: 0, rate_bps: None, step_ends_ns: 0, step: 0, steps };
        transmitter.enter(0);
        transmitter
    }

    /// Goes over to a step of the schedule, if there is one of that number.
    fn enter(&mut self, step: usize) -> bool {
        let Some(&(_, rate_bps)) = self.steps.get(step) else { return false };
        self.rate_bps = rate_bps;
        self.step_ends_ns = self.steps.get(step + 1).map_or(u64::MAX, |(at, _)| at.as_nanos());
        self.step = step;
        true
    }

    const fn free_at(&self) -> Instant {
        Instant::from_nanos(self.free_at_ns)
    }

    /// Sends a packet that came at `came`, behind all earlier ones, and says when its last bit is out.
    #[inline]
    fn transmit(&mut self, came: Instant, wire_bytes: u64) -> Instant {
        if self.free_at_ns <= came.as_nanos() {
            // It came to an idle transmitter; what a past nanosecond had to spare is past.
            self.free_at_ns = came.as_nanos();
            self.spare = 0;
        }
        // Nearly all packets go out whole before the rate changes: a multiplication, a division, and numbers that fit a register.
        if let Some(work) = wire_bytes.checked_mul(NANOBITS_PER_BYTE).and_then(|work| work.checked_sub(self.spare)).filter(|work| *work > 0)
            && let Some(rate_bps) = self.rate_bps.filter(|rate_bps| *rate_bps > 0)
        {
            let took_ns = work.div_ceil(rate_bps);
            if took_ns <= self.step_ends_ns.saturating_sub(self.free_at_ns) {
                self.free_at_ns += took_ns;
                self.spare = took_ns.wrapping_mul(rate_bps).wrapping_sub(work); // modulo 2⁶⁴ the product may wrap; the difference is below the rate
                return self.free_at();
            }
        }
        self.transmit_over_steps(wire_bytes)
    }

    /// The same for any packet, with any schedule.
    #[inline(never)]
    fn transmit_over_steps(&mut self, wire_bytes: u64) -> Instant {
        let mut work = u128::from(wire_bytes) * u128::from(NANOBITS_PER_BYTE);
        if work <= u128::from(self.spare) {
            self.spare -= u64::try_from(work).expect("not above spare, which is a u64");
            return self.free_at();
        }
        work -= u128::from(self.spare);
        self.spare = 0;

        loop {
            if self.free_at_ns < self.step_ends_ns {
                let Some(rate_bps) = self.rate_bps else {
                    return self.free_at();
                };
                let until_step = u128::from(self.step_ends_ns - self.free_at_ns) * u128::from(rate_bps);
                if work <= until_step {
                    let (took_ns, spare) = divide_up(work, rate_bps);
                    self.free_at_ns += took_ns;
                    self.spare = spare;
                    return self.free_at();
                }
                work -= until_step;
                self.free_at_ns = self.step_ends_ns;
            }
            if !self.enter(self.step + 1) {
                return self.free_at();
            }
        }
    }
}

/// How many nanoseconds carry `work` nanobits, rounded up, and what the last of them has to spare. The rate is above zero and the answer known to fit.
#[inline]
fn divide_up(work: u128, rate_bps: u64) -> (u64, u64) {
    // Packets below 2 GiB take the short way: 128-bit division is a library call.
    if let Ok(work) = u64::try_from(work) {
        let took = work.div_ceil(rate_bps);
        // Modulo 2⁶⁴ the product may wrap; the difference is below the rate and comes out right.
        return (took, took.wrapping_mul(rate_bps).wrapping_sub(work));
    }
    let took = work.div_ceil(u128::from(rate_bps));
    let spare = took * u128::from(rate_bps) - work;
    (u64::try_from(took).unwrap_or(u64::MAX), u64::try_from(spare).expect("below the rate"))
}

/// A time span of that many bits at that rate, rounded up; zero where the rate is not limited, without end where it is zero.
pub(super) fn span_of(bits: u64, rate_bps: Option<BitsPerSecond>) -> Duration {
    match rate_bps {
        Some(0) if bits > 0 => Duration::MAX,
        None | Some(0) => Duration::ZERO,
        Some(rate_bps) => {
            let nanos = (u128::from(bits) * 1_000_000_000).div_ceil(u128::from(rate_bps));
            Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
        }
    }
}
