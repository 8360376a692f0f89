//! A link, asked what becomes of packets.

use core::{ops::RangeInclusive, time::Duration};

use greenroom_core::time::Instant;
use serde_json::{Map, Value};

use super::{
    Answer, CaseError,
    field::{Fields, describe},
};
use crate::{
    net::{
        codel::CoDelConfig,
        fq_codel::{FLOWS_MAX, FqCoDelConfig, LIMIT_PACKETS},
        link::{
            BucketConfig, Capacity, Decision, DropReason, Jitter, Link, LinkConfig, Loss, Outage, Queue, QueueLimit, RateSchedule,
            ScheduleError, Spread, Verdict,
        },
        trace::Trace,
    },
    random::CERTAIN_PPB,
};

/// Latest time and longest span that is read, in nanoseconds: 292 years, so that their sums still can be told.
const NANOS_MAX: u64 = i64::MAX.unsigned_abs();

/// `link`, `seed`, `packets` → `arrivals`, `dropped`, and `never` if some packets neither arrive nor are dropped.
pub(super) fn link(fields: Fields<'_>) -> Result<Answer, CaseError> {
    let config = config(Node::root(fields, "link"))?;
    let seed = Node::root(fields, "seed").if_any().map_or(Ok(0), |seed| seed.integer(0..=u64::MAX))?;
    let packets = packets(&Node::root(fields, "packets"))?;

    let mut link = Link::new(config, seed, "link");
    let mut fates = Fates { arrivals: Vec::with_capacity(packets.len()), dropped: Vec::new(), open: vec![true; packets.len()] };
    for (index, packet) in (0_u64..).zip(&packets) {
        let verdict = link.offer_in_flow(packet.at, packet.size_bytes, packet.flow);
        fates.note(index, verdict);
        fates.hear(&mut link);
    }
    link.handle_timeout(Instant::MAX);
    fates.hear(&mut link);
    Ok(fates.answer())
}

/// A packet as it is offered.
struct Packet {
    at: Instant,
    size_bytes: u32,
    flow: u32,
}

/// What became of packets, by their place.
struct Fates {
    arrivals: Vec<(Instant, u64)>,
    dropped: Vec<(u64, &'static str)>,
    open: Vec<bool>,
}

impl Fates {
    fn hear(&mut self, link: &mut Link) {
        while let Some(Decision { packet, verdict, .. }) = link.poll_output() {
            self.note(packet, verdict);
        }
    }

    fn note(&mut self, index: u64, verdict: Verdict) {
        let (first, again) = match verdict {
            Verdict::Deliver { at } => (Some(at), None),
            Verdict::DeliverTwice { at, again } => (Some(at), Some(again)),
            Verdict::Drop(reason) => {
                self.dropped.push((index, word(reason)));
                (None, None)
            }
            Verdict::Waits => (None, None),
        };
        for at in [first, again].into_iter().flatten().filter(|at| *at < Instant::MAX) {
            self.arrivals.push((at, index));
        }
        let decided = first.is_some_and(|at| at < Instant::MAX) || matches!(verdict, Verdict::Drop(_));
        if decided && let Some(open) = usize::try_from(index).ok().and_then(|index| self.open.get_mut(index)) {
            *open = false;
        }
    }

    fn answer(mut self) -> Answer {
        // Stable: what arrives at one instant stays in the order of service.
        self.arrivals.sort_by_key(|(at, _)| *at);
        self.dropped.sort_unstable_by_key(|(index, _)| *index);
        let arrivals: Vec<Value> = self.arrivals.iter().map(|(at, index)| Value::from(vec![*index, at.as_nanos()])).collect();
        let dropped: Vec<Value> =
            self.dropped.iter().map(|(index, reason)| Value::from(vec![Value::from(*index), Value::from(*reason)])).collect();
        let answer = Answer::default().with("arrivals", arrivals).with("dropped", dropped);
        let never: Vec<u64> = (0..).zip(&self.open).filter(|(_, open)| **open).map(|(index, _)| index).collect();
        if never.is_empty() { answer } else { answer.with("never", never) }
    }
}

/// A policer is a queue without places, and a shaper's bucket too small for a packet is one, too.
const fn word(reason: DropReason) -> &'static str {
    match reason {
        DropReason::Queue | DropReason::Policer | DropReason::TooLarge | DropReason::Outage => "queue",
        DropReason::Loss => "loss",
        DropReason::Aqm => "aqm",
    }
}

fn packets(list: &Node<'_>) -> Result<Vec<Packet>, CaseError> {
    const EXPECTED: &str = "[t_ns, bytes] or [t_ns, bytes, flow]";
    let values =
        list.value.and_then(Value::as_array).ok_or_else(|| list.wrong("an array of packets, each [t_ns, bytes] or [t_ns, bytes, flow]"))?;
    let mut packets = Vec::with_capacity(values.len());
    let mut before = 0;
    for (index, value) in values.iter().enumerate() {
        // There may be a million, and hardly ever one that is wrong: what is wrong is looked for where a packet cannot be read.
        if let Some(packet) = read_packet(value).filter(|packet| packet.at.as_nanos() >= before) {
            before = packet.at.as_nanos();
            packets.push(packet);
            continue;
        }
        let packet = list.element(index);
        let parts = packet.elements(EXPECTED)?;
        let (at, bytes, flow) = match parts.as_slice() {
            [at, bytes] => (at, bytes, None),
            [at, bytes, flow] => (at, bytes, Some(flow)),
            _ => return Err(packet.wrong(EXPECTED)),
        };
        let at_ns: u64 = at.integer(0..=NANOS_MAX)?;
        if at_ns < before {
            return Err(at.wrong(&format!("a time not before that of the packet before, {before}: packets are in order of time")));
        }
        before = at_ns;
        let size_bytes = bytes.integer(0..=u32::MAX)?;
        let flow = flow.map_or(Ok(0), |flow| flow.integer(0..=u32::MAX))?;
        packets.push(Packet { at: Instant::from_nanos(at_ns), size_bytes, flow });
    }
    Ok(packets)
}

/// A packet as nearly all are written.
fn read_packet(value: &Value) -> Option<Packet> {
    let (at, bytes, flow) = match value.as_array()?.as_slice() {
        [at, bytes] => (at, bytes, 0),
        [at, bytes, flow] => (at, bytes, flow.as_u64()?),
        _ => return None,
    };
    let at_ns = at.as_u64().filter(|at_ns| *at_ns <= NANOS_MAX)?;
    Some(Packet { at: Instant::from_nanos(at_ns), size_bytes: bytes.as_u64()?.try_into().ok()?, flow: flow.try_into().ok()? })
}

fn config(link: Node<'_>) -> Result<LinkConfig, CaseError> {
    link.object("an object that describes a link")?;
    let default = LinkConfig { overhead_bytes: 0, ..LinkConfig::default() };
    Ok(LinkConfig {
        capacity: capacity(&link)?,
        shaper: link.key("shaper").if_any().map(|shaper| bucket(&shaper)).transpose()?,
        policer: link.key("policer").if_any().map(|policer| bucket(&policer)).transpose()?,
        queue: link.key("queue").if_any().map_or(Ok(default.queue), |node| queue(&node))?,
        delay: link.key("delay_ns").if_any().map_or(Ok(Duration::ZERO), |delay| delay.span())?,
        jitter: link.key("jitter").if_any().map_or(Ok(Jitter::NONE), |node| jitter(&node))?,
        loss: link.key("loss").if_any().map_or(Ok(Loss::None), |node| loss(&node))?,
        duplicate_ppb: link.key("duplicate").if_any().map_or(Ok(0), |chance| chance.chance())?,
        overhead_bytes: link.key("overhead_bytes").if_any().map_or(Ok(0), |bytes| bytes.integer(0..=u32::MAX))?,
        holds: link.key("hold").if_any().map_or(Ok(Vec::new()), |node| holds(&node))?,
        ..default
    })
}

fn capacity(link: &Node<'_>) -> Result<Capacity, CaseError> {
    let ways = [link.key("rate_bps"), link.key("rate_steps"), link.key("mahimahi")];
    let mut given = ways.into_iter().filter_map(Node::if_any);
    let Some(one) = given.next() else { return Ok(Capacity::unlimited()) };
    if let Some(other) = given.next() {
        return Err(other.wrong(&format!("none beside {}", one.path)));
    }
    match one.last() {
        "rate_bps" => Ok(Capacity::constant(one.integer(1..=u64::MAX)?)),
        "rate_steps" => schedule(&one).map(Capacity::Rate),
        _ => {
            let times =
                one.elements("an array of times in ms")?.iter().map(|time| time.integer(0..=u32::MAX)).collect::<Result<Vec<u32>, _>>()?;
            Trace::new(times).map(Capacity::Trace).map_err(|error| CaseError::Together(format!("{}: {error}", one.path)))
        }
    }
}

fn schedule(list: &Node<'_>) -> Result<RateSchedule, CaseError> {
    const EXPECTED: &str = "[t_ns, bps]";
    let mut steps = Vec::new();
    for step in list.elements("an array of steps, each [t_ns, bps]")? {
        let parts = step.elements(EXPECTED)?;
        let [at, bps] = parts.as_slice() else { return Err(step.wrong(EXPECTED)) };
        // As anywhere, null is as good as absent: no limit.
        let bps = match bps.value {
            Some(Value::Null) => None,
            _ => Some(bps.integer(0..=u64::MAX)?),
        };
        steps.push((Instant::from_nanos(at.integer(0..=NANOS_MAX)?), bps));
    }
    RateSchedule::new(steps).map_err(|error| match error {
        ScheduleError::BeginningOpen => list.wrong("a first step at 0"),
        ScheduleError::NotRising { at } => list.element(at).element(0).wrong("a time later than that of the step before"),
    })
}

fn bucket(node: &Node<'_>) -> Result<BucketConfig, CaseError> {
    node.object("an object with rate_bps and burst_bytes")?;
    Ok(BucketConfig { rate_bps: node.key("rate_bps").integer(1..=u64::MAX)?, burst_bytes: node.key("burst_bytes").integer(1..=u32::MAX)? })
}

fn queue(node: &Node<'_>) -> Result<Queue, CaseError> {
    node.object("an object with a kind")?;
    let keys = ["limit_bytes", "limit_packets", "limit_ns"].map(|key| node.key(key));
    let mut given = keys.into_iter().filter_map(Node::if_any);
    let limit = given.next();
    if let (Some(one), Some(other)) = (&limit, given.next()) {
        return Err(other.wrong(&format!("none beside {}", one.path)));
    }
    let limit = limit.map(|limit| match limit.last() {
        "limit_bytes" => limit.integer(0..=u64::MAX).map(QueueLimit::Bytes),
        "limit_packets" => limit.integer(0..=u32::MAX).map(QueueLimit::Packets),
        _ => limit.span().map(QueueLimit::Time),
    });
    let limit = limit.transpose()?;
    let codel = || {
        let default = CoDelConfig::default();
        let target = node.key("target_ns").if_any().map_or(Ok(default.target), |target| target.span())?;
        let interval = match node.key("interval_ns").if_any() {
            None => default.interval,
            Some(interval) => Duration::from_nanos(interval.integer(1..=NANOS_MAX)?),
        };
        Ok::<_, CaseError>(CoDelConfig { target, interval, ..default })
    };
    let kind = node.key("kind");
    match kind.text() {
        Some("droptail") => Ok(Queue::DropTail(limit.unwrap_or(QueueLimit::Unlimited))),
        Some("infinite") => Ok(Queue::DropTail(QueueLimit::Unlimited)),
        Some("codel") => Ok(Queue::CoDel(codel()?, limit.unwrap_or(QueueLimit::Unlimited))),
        Some("fq_codel") => {
            let default = FqCoDelConfig::default();
            let quantum_bytes =
                node.key("quantum_bytes").if_any().map_or(Ok(default.quantum_bytes), |bytes| bytes.integer(1..=u32::MAX))?;
            let flows = node.key("flows").if_any().map_or(Ok(default.flows), |flows| flows.integer(1..=FLOWS_MAX))?;
            Ok(Queue::FqCoDel(FqCoDelConfig { codel: codel()?, quantum_bytes, flows }, limit.unwrap_or(QueueLimit::Packets(LIMIT_PACKETS))))
        }
        _ => Err(kind.wrong("droptail, codel, fq_codel or infinite")),
    }
}

fn jitter(node: &Node<'_>) -> Result<Jitter, CaseError> {
    node.object("an object with a kind")?;
    let kind = node.key("kind");
    let span = |key: &str| node.key(key).integer(0..=NANOS_MAX);
    let spread = match kind.text() {
        Some("uniform") => {
            let (min, max) = (node.key("min_ns"), node.key("max_ns"));
            let (min_ns, max_ns) = (min.signed()?, max.signed()?);
            if max_ns < min_ns {
                return Err(max.wrong(&format!("at least min_ns, {min_ns}")));
            }
            Spread::Uniform { min_ns, max_ns }
        }
        Some("normal") => Spread::Normal { std_ns: span("std_ns")?, clip_ns: span("clip_ns")? },
        Some("rfc8868") => Spread::Rfc8868 { std_ns: span("std_ns")?, max_ns: span("max_ns")? },
        _ => return Err(kind.wrong("uniform, normal or rfc8868")),
    };
    let reorder = node.key("reorder").if_any().map_or(Ok(false), |flag| flag.flag())?;
    Ok(Jitter { spread, reorder })
}

fn loss(node: &Node<'_>) -> Result<Loss, CaseError> {
    node.object("an object with a kind")?;
    let kind = node.key("kind");
    let chance = |key: &str| node.key(key).chance();
    let model = match kind.text() {
        Some("iid") => match node.key("correlation").if_any() {
            Some(correlation) => Loss::Correlated { loss_ppb: chance("p")?, correlation_ppb: correlation.chance()? },
            None => Loss::independent(chance("p")?),
        },
        Some("gilbert") => Loss::Gilbert { enter_ppb: chance("p")?, leave_ppb: chance("r")? },
        Some("gilbert_elliott") => Loss::GilbertElliott {
            enter_ppb: chance("p")?,
            leave_ppb: chance("r")?,
            good_loss_ppb: chance("k")?,
            bad_loss_ppb: chance("h")?,
        },
        Some("four_state") => Loss::FourState {
            p13_ppb: chance("p13")?,
            p31_ppb: chance("p31")?,
            p32_ppb: chance("p32")?,
            p23_ppb: chance("p23")?,
            p14_ppb: chance("p14")?,
        },
        _ => return Err(kind.wrong("iid, gilbert, gilbert_elliott or four_state")),
    };
    model.check().map_err(|error| CaseError::Together(format!("{}: {error}", node.path)))?;
    Ok(model)
}

fn holds(list: &Node<'_>) -> Result<Vec<Outage>, CaseError> {
    const EXPECTED: &str = "[from_ns, to_ns]";
    let hold = |hold: &Node<'_>| {
        let parts = hold.elements(EXPECTED)?;
        let [from, to] = parts.as_slice() else { return Err(hold.wrong(EXPECTED)) };
        let (from_ns, to_ns): (u64, u64) = (from.integer(0..=NANOS_MAX)?, to.integer(0..=NANOS_MAX)?);
        if to_ns < from_ns {
            return Err(to.wrong(&format!("a time not before {from_ns}, where the hold begins")));
        }
        Ok(Outage { from: Instant::from_nanos(from_ns), to: Instant::from_nanos(to_ns) })
    };
    list.elements("an array of holds, each [from_ns, to_ns]")?.iter().map(hold).collect()
}

/// A value of a case, with the way to it.
#[derive(Clone, Debug)]
struct Node<'c> {
    path: String,
    value: Option<&'c Value>,
}

impl<'c> Node<'c> {
    fn root(fields: Fields<'c>, name: &str) -> Self {
        Self { path: name.to_owned(), value: fields.get(name) }
    }

    fn key(&self, key: &str) -> Self {
        let value = self.value.and_then(Value::as_object).and_then(|object| object.get(key));
        Self { path: format!("{}.{key}", self.path), value }
    }

    fn element(&self, at: usize) -> Self {
        Self { path: format!("{}[{at}]", self.path), value: self.value.and_then(|value| value.get(at)) }
    }

    /// The last name of the way.
    fn last(&self) -> &str {
        self.path.rsplit('.').next().unwrap_or(&self.path)
    }

    /// The value if there is one. Null is as good as none.
    fn if_any(self) -> Option<Self> {
        self.value.is_some_and(|value| !value.is_null()).then_some(self)
    }

    fn wrong(&self, expected: &str) -> CaseError {
        let found = self.value.map_or_else(|| "nothing".to_owned(), describe);
        CaseError::Nested { path: self.path.clone(), found, expected: expected.to_owned() }
    }

    fn object(&self, expected: &str) -> Result<&'c Map<String, Value>, CaseError> {
        self.value.and_then(Value::as_object).ok_or_else(|| self.wrong(expected))
    }

    fn elements(&self, expected: &str) -> Result<Vec<Self>, CaseError> {
        let list = self.value.and_then(Value::as_array).ok_or_else(|| self.wrong(expected))?;
        Ok(list.iter().enumerate().map(|(at, value)| Self { path: format!("{}[{at}]", self.path), value: Some(value) }).collect())
    }

    fn text(&self) -> Option<&'c str> {
        self.value.and_then(Value::as_str)
    }

    fn flag(&self) -> Result<bool, CaseError> {
        self.value.and_then(Value::as_bool).ok_or_else(|| self.wrong("true or false"))
    }

    /// A whole number in a range, however it is written: `1000000`, `1e6`.
    fn integer<N: Copy + Into<u64> + TryFrom<u64>>(&self, range: RangeInclusive<N>) -> Result<N, CaseError> {
        let (least, most) = ((*range.start()).into(), (*range.end()).into());
        let number = self.value.and_then(|value| value.as_u64().or_else(|| value.as_f64().and_then(whole)));
        let number = number.filter(|number| (least..=most).contains(number)).and_then(|number| N::try_from(number).ok());
        number.ok_or_else(|| self.wrong(&format!("a whole number from {least} to {most}")))
    }

    fn signed(&self) -> Result<i64, CaseError> {
        if let Some(number) = self.value.and_then(Value::as_i64) {
            return Ok(number);
        }
        let size = self.value.and_then(Value::as_f64).and_then(|number| Some((whole(number.abs())?, number < 0.0)));
        let number = size.and_then(|(size, negative)| i64::try_from(size).ok().map(|size| if negative { -size } else { size }));
        number.ok_or_else(|| self.wrong(&format!("a whole number from {} to {}", i64::MIN, i64::MAX)))
    }

    fn span(&self) -> Result<Duration, CaseError> {
        self.integer(0..=NANOS_MAX).map(Duration::from_nanos)
    }

    /// A chance from 0 to 1, in parts per billion, rounded.
    fn chance(&self) -> Result<u32, CaseError> {
        let share = self.value.and_then(Value::as_f64).filter(|share| (0.0..=1.0).contains(share));
        let share = share.ok_or_else(|| self.wrong("a number from 0 to 1"))?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to a billion")]
        let ppb = (share * f64::from(CERTAIN_PPB)).round() as u32;
        Ok(ppb)
    }
}

/// A double as the whole number that it is, if it is one.
fn whole(number: f64) -> Option<u64> {
    // Up to 2^63 every whole double is a u64.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, and in range")]
    ((0.0..=9.2e18).contains(&number) && number.fract() == 0.0).then_some(number as u64)
}
