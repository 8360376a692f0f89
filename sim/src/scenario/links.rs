//! From a link's tables to what the network is built from: directions made whole, kinds of queue, loss and jitter with the keys that belong to them.

use core::time::Duration;
use std::{collections::BTreeMap, fs, path::Path};

use super::{
    SharedLine,
    check::{above_zero, instant},
    document::{KeyPath, Of, Step, Wrong, key_path},
    error::suggestion,
    file::link::{
        BucketTable, DirectionTable, JitterEntry, JitterKind, JitterTable, LinkTable, LossEntry, LossKind, LossTable, OutageTable,
        QueueEntry, QueueKind, QueueTable, RateEntry, SharedTable, StepTable,
    },
    quantity::{InWords, QueueSize, Share, Time},
};
use crate::net::{
    codel::CoDelConfig,
    fq_codel::{FqCoDelConfig, LIMIT_PACKETS},
    link::{
        BucketConfig, Capacity, Jitter, LinkConfig, Loss, Outage, Queue, QueueLimit, RateSchedule, Reorder, ScheduleError, Spread,
        UDP_IPV4_OVERHEAD_BYTES,
    },
    nat::NatConfig,
    trace::Trace,
};

/// The shortest one-way delay. The turmoil engine hands datagrams over in ticks of 1 ms and needs to know them three ticks ahead to replay them at their exact times; both
/// engines must tell the same story, so the bound holds for both. It is no hardship: 3 ms is 600 km of fibre.
const MIN_DELAY: Duration = Duration::from_millis(3);

/// How much may wait for a link whose file does not say: 300 ms of drop-tail, as on the reference path of RFC 8867.
const DEFAULT_LIMIT: QueueLimit = QueueLimit::Time(Duration::from_millis(300));

/// An access link, both directions whole.
pub(super) struct AccessLink {
    pub(super) up: LinkConfig,
    pub(super) down: LinkConfig,
    pub(super) nat: Option<NatConfig>,
    /// The shared line behind it, by its place among them.
    pub(super) behind: Option<usize>,
}

/// The links of a file. Traces are looked for in `folder`.
pub(super) fn links<'t>(
    tables: &'t BTreeMap<String, LinkTable>,
    shared: &[SharedLine],
    folder: &Path,
) -> Result<BTreeMap<&'t str, AccessLink>, Wrong> {
    tables
        .iter()
        .map(|(name, table)| {
            let common = table.common();
            let way = |way, own| direction(("link", name), &common, way, own, folder);
            let (up, down) = (way("up", &table.up)?, way("down", &table.down)?);
            Ok((name.as_str(), AccessLink { up, down, nat: nat(name, table)?, behind: behind(name, table, shared)? }))
        })
        .collect()
}

/// Most shared lines of a file. A choice: each has a router of its own, and the router of the last one still a port.
const SHARED_LINES: usize = 1000;

/// The shared lines of a file, in order of their names.
pub(super) fn shared(tables: &BTreeMap<String, SharedTable>, folder: &Path) -> Result<Vec<SharedLine>, Wrong> {
    if tables.len() > SHARED_LINES {
        return Err(Wrong::new(key_path!["shared"], format!("expected at most {SHARED_LINES} shared lines, found {}", tables.len())));
    }
    tables
        .iter()
        .map(|(name, table)| {
            let common = table.common();
            let way = |way, own| direction(("shared", name), &common, way, own, folder);
            Ok(SharedLine { name: name.clone(), up: way("up", &table.up)?, down: way("down", &table.down)? })
        })
        .collect()
}

/// The shared line that a link is behind, if it is behind one.
fn behind(link: &str, table: &LinkTable, shared: &[SharedLine]) -> Result<Option<usize>, Wrong> {
    let Some(behind) = &table.behind else { return Ok(None) };
    let found = shared.iter().position(|line| line.name == *behind);
    found.map(Some).ok_or_else(|| {
        let known = shared.iter().map(|line| line.name.as_str());
        let problem = if shared.is_empty() {
            format!("no line is shared; expected a table [shared.{behind}] that says what \"{behind}\" is like")
        } else {
            format!("no shared line is called \"{behind}\"; {}", suggestion(behind, known))
        };
        Wrong::new(key_path!["link", link, "behind"], problem)
    })
}

/// What translates addresses, if anything does.
fn nat(link: &str, table: &LinkTable) -> Result<Option<NatConfig>, Wrong> {
    let Some(nat) = table.nat else { return Ok(None) };
    if nat.timeout.0.is_zero() {
        return Err(Wrong::new(key_path!["link", link, "nat", "timeout"], "expected more than nothing"));
    }
    let (mapping, filtering) = (nat.mapping.into(), nat.filtering.into());
    Ok(Some(NatConfig { mapping, filtering, timeout: nat.timeout.0, inbound_refreshes: nat.inbound_refreshes }))
}

/// One direction of a link or of a shared line, whose table and name are told: its own keys, where they stand, before the common ones.
fn direction(
    (table, link): (&str, &str),
    common: &DirectionTable,
    name: &str,
    own: &DirectionTable,
    folder: &Path,
) -> Result<LinkConfig, Wrong> {
    /// The entry that holds, and where it stands.
    macro_rules! entry {
        ($key:ident) => {{
            let place =
                if own.$key.is_some() { key_path![table, link, name, stringify!($key)] } else { key_path![table, link, stringify!($key)] };
            own.$key.as_ref().or(common.$key.as_ref()).map(|entry| (entry, place))
        }};
    }

    let Some((delay, delay_place)) = entry!(delay) else {
        return Err(Wrong::new(key_path![table, link], "delay is missing; expected a time of at least 3 ms, such as \"20 ms\""));
    };
    if delay.0 < MIN_DELAY {
        let problem = format!("expected at least {}: engines need that much to look ahead; found {}", InWords(MIN_DELAY), InWords(delay.0));
        return Err(Wrong::new(delay_place, problem));
    }
    // A direction's own rate or trace replaces either of the common ones.
    let (rate, trace) = match (&own.rate, &own.trace) {
        (None, None) => (entry!(rate), entry!(trace)),
        (rate, trace) => (
            rate.as_ref().map(|rate| (rate, key_path![table, link, name, "rate"])),
            trace.as_ref().map(|trace| (trace, key_path![table, link, name, "trace"])),
        ),
    };
    let capacity = match (rate, trace) {
        (Some(_), Some((_, place))) => return Err(Wrong::new(place, "a link has a rate or a trace, not both")),
        (Some((rate, place)), None) => Capacity::Rate(schedule(rate, &place)?),
        (None, Some((file, place))) => Capacity::Trace(trace_in(folder, file, place)?),
        (None, None) => Capacity::unlimited(),
    };
    let config = LinkConfig {
        capacity,
        shaper: entry!(shaper).map(|(table, place)| bucket(*table, &place)).transpose()?,
        policer: entry!(policer).map(|(table, place)| bucket(*table, &place)).transpose()?,
        queue: entry!(queue).map_or(Ok(Queue::DropTail(DEFAULT_LIMIT)), |(entry, place)| queue(entry, &place))?,
        delay: delay.0,
        jitter: entry!(jitter).map_or(Ok(Jitter::NONE), |(entry, place)| jitter(entry, &place))?,
        loss: entry!(loss).map_or(Ok(Loss::None), |(entry, place)| loss(entry, place))?,
        duplicate_ppb: entry!(duplicate).map_or(0, |(share, _)| share.0),
        reorder: entry!(reorder).map_or(Reorder::default(), |(table, _)| Reorder { late_ppb: table.share.0, by: table.by.0 }),
        overhead_bytes: entry!(overhead).map_or(UDP_IPV4_OVERHEAD_BYTES, |(overhead, _)| overhead.0),
        mtu_bytes: entry!(mtu).map(|(mtu, _)| mtu.0),
        outages: entry!(outages).map_or(Ok(Vec::new()), |(tables, place)| spans("outage", tables, &place))?,
        holds: entry!(holds).map_or(Ok(Vec::new()), |(tables, place)| spans("hold", tables, &place))?,
    };
    if config.shortest_delay() < MIN_DELAY {
        let place = entry!(jitter).map_or(delay_place, |(_, place)| place);
        let (delay, early) = (InWords(config.delay), InWords(config.jitter.spread.most_early()));
        let problem = format!(
            "a packet could come {early} early, which leaves less than {} of the delay of {delay}; expected a smaller most",
            InWords(MIN_DELAY)
        );
        return Err(Wrong::new(place, problem));
    }
    Ok(config)
}

fn below(path: &KeyPath, step: impl Into<Step>) -> KeyPath {
    path.iter().cloned().chain([step.into()]).collect()
}

/// A rate over time. Zero is a pause: it may stand between other rates, but not be all there is, nor the end.
fn schedule(entry: &RateEntry, path: &KeyPath) -> Result<RateSchedule, Wrong> {
    let fault = |below: KeyPath, problem: &str| Wrong::new(path.iter().cloned().chain(below).collect(), problem);
    let steps = match entry {
        RateEntry::Constant(rate) => {
            return match rate.0 {
                Some(0) => Err(fault(key_path![], "a link without capacity carries nothing; expected a rate above zero, or outages")),
                Some(rate_bps) => Ok(RateSchedule::constant(rate_bps)),
                None => Ok(RateSchedule::unlimited()),
            };
        }
        RateEntry::Steps(steps) => steps,
    };
    if let Some((last, StepTable { is, .. })) = steps.iter().enumerate().next_back()
        && is.0 == Some(0)
    {
        return Err(fault(key_path![last, "is"], "the link would stand still for good; expected a rate above zero in the last step"));
    }
    RateSchedule::new(steps.iter().map(|step| (instant(step.at.0), step.is.0)).collect()).map_err(|error| match error {
        ScheduleError::BeginningOpen if steps.is_empty() => fault(key_path![], "expected a rate or a list of steps, found an empty list"),
        ScheduleError::BeginningOpen => fault(key_path![0, "at"], "the first step must be at \"0 s\""),
        ScheduleError::NotRising { at } => {
            let (before, this) = (InWords(steps[at - 1].at.0), InWords(steps[at].at.0));
            fault(key_path![at, "at"], &format!("expected a time after that of the step before, {before}; found {this}"))
        }
    })
}

/// The trace in a file.
fn trace_in(folder: &Path, file: &str, place: KeyPath) -> Result<Trace, Wrong> {
    let path = folder.join(file);
    let text =
        fs::read_to_string(&path).map_err(|error| Wrong::new(place.clone(), format!("{} cannot be read: {error}", path.display())))?;
    text.parse().map_err(|error| Wrong::new(place, format!("{}: {error}", path.display())))
}

fn bucket(table: BucketTable, path: &KeyPath) -> Result<BucketConfig, Wrong> {
    let rate_bps = above_zero(table.rate.0, || below(path, "rate"))?;
    if table.burst.0 == 0 {
        return Err(Wrong::new(below(path, "burst"), "expected a size above zero: a packet larger than the bucket never goes"));
    }
    Ok(BucketConfig { rate_bps, burst_bytes: table.burst.0 })
}

fn spans(what: &str, tables: &[OutageTable], path: &KeyPath) -> Result<Vec<Outage>, Wrong> {
    let span = |(at, table): (usize, &OutageTable)| {
        if table.to <= table.from {
            let problem = format!("the {what} ends at {}, not after its beginning at {}", InWords(table.to.0), InWords(table.from.0));
            return Err(Wrong::new(below(&below(path, at), "to"), problem));
        }
        Ok(Outage { from: instant(table.from.0), to: instant(table.to.0) })
    };
    tables.iter().enumerate().map(span).collect()
}

/// Refuses the first of these keys that stands in a table whose kind has no use for it.
fn refuse(path: &KeyPath, kind: &str, keys: &[(&str, bool)]) -> Result<(), Wrong> {
    match keys.iter().find(|(_, stands)| *stands) {
        Some((key, _)) => Err(Wrong { path: below(path, *key), of: Of::Key, problem: format!("{kind} has no such key") }),
        None => Ok(()),
    }
}

/// What a key holds that its kind cannot do without.
fn needed<T: Copy>(value: Option<T>, path: &KeyPath, kind: &str, key: &str, expected: &str) -> Result<T, Wrong> {
    value.ok_or_else(|| Wrong::new(path.clone(), format!("{key} is missing; {kind} needs {expected}")))
}

fn limit(size: QueueSize) -> QueueLimit {
    match size {
        QueueSize::Unlimited => QueueLimit::Unlimited,
        QueueSize::Time(limit) => QueueLimit::Time(limit),
        QueueSize::Bytes(limit) => QueueLimit::Bytes(limit),
        QueueSize::Packets(limit) => QueueLimit::Packets(limit),
    }
}

fn queue(entry: &QueueEntry, path: &KeyPath) -> Result<Queue, Wrong> {
    let table = match *entry {
        QueueEntry::Plain(size) => return Ok(Queue::DropTail(limit(size))),
        QueueEntry::Table(table) => table,
    };
    let QueueTable { kind, limit: size, target, interval, quantum, flows } = table;
    let codel = || {
        let default = CoDelConfig::default();
        let interval = interval.map_or(default.interval, |interval| interval.0);
        if interval.is_zero() {
            return Err(Wrong::new(below(path, "interval"), "expected more than nothing"));
        }
        Ok(CoDelConfig { target: target.map_or(default.target, |target| target.0), interval, ..default })
    };
    let of_flows = [("quantum", quantum.is_some()), ("flows", flows.is_some())];
    match kind {
        QueueKind::DropTail => {
            refuse(path, "drop_tail", &[("target", target.is_some()), ("interval", interval.is_some())])?;
            refuse(path, "drop_tail", &of_flows)?;
            Ok(Queue::DropTail(size.map_or(DEFAULT_LIMIT, limit)))
        }
        QueueKind::CoDel => {
            refuse(path, "codel", &of_flows)?;
            Ok(Queue::CoDel(codel()?, size.map_or(QueueLimit::Unlimited, limit)))
        }
        QueueKind::FqCoDel => {
            let default = FqCoDelConfig::default();
            let quantum_bytes = quantum.map_or(default.quantum_bytes, |quantum| quantum.0);
            if quantum_bytes == 0 {
                return Err(Wrong::new(below(path, "quantum"), "expected a size above zero: without it no flow has a turn"));
            }
            let config = FqCoDelConfig { codel: codel()?, quantum_bytes, flows: flows.unwrap_or(default.flows) };
            Ok(Queue::FqCoDel(config, size.map_or(QueueLimit::Packets(LIMIT_PACKETS), limit)))
        }
    }
}

/// The deviation that RFC 8868 section 4.5.3 recommends, and where it cuts the distribution.
const RFC8868_DEVIATION: Duration = Duration::from_millis(5);
const DEVIATIONS: u64 = 3;

fn jitter(entry: &JitterEntry, path: &KeyPath) -> Result<Jitter, Wrong> {
    let table = match *entry {
        JitterEntry::Plain(most) => return Ok(Jitter::up_to(most.0)),
        JitterEntry::Table(table) => table,
    };
    let JitterTable { kind, least, most, deviation, reorder } = table;
    let nanos = |time: Time| u64::try_from(time.0.as_nanos()).unwrap_or(u64::MAX);
    let signed = |time: Time| i64::try_from(time.0.as_nanos()).unwrap_or(i64::MAX);
    let cut = |std_ns: u64| most.map_or(std_ns.saturating_mul(DEVIATIONS), nanos);
    let spread = match kind {
        JitterKind::Uniform => {
            refuse(path, "uniform", &[("deviation", deviation.is_some())])?;
            let most = needed(most, path, "uniform", "most", "a time such as \"8 ms\"")?;
            let min_ns = least.map_or(0, signed);
            if min_ns > signed(most) {
                return Err(Wrong::new(
                    below(path, "most"),
                    format!(
                        "expected at least {}, which is the least; found {}",
                        InWords(Duration::from_nanos(min_ns.unsigned_abs())),
                        InWords(most.0)
                    ),
                ));
            }
            Spread::Uniform { min_ns, max_ns: signed(most) }
        }
        JitterKind::Normal => {
            refuse(path, "normal", &[("least", least.is_some())])?;
            let std_ns = nanos(needed(deviation, path, "normal", "deviation", "a time such as \"5 ms\"")?);
            Spread::Normal { std_ns, clip_ns: cut(std_ns) }
        }
        JitterKind::Rfc8868 => {
            refuse(path, "rfc8868", &[("least", least.is_some())])?;
            let std_ns = nanos(deviation.unwrap_or(Time(RFC8868_DEVIATION)));
            Spread::Rfc8868 { std_ns, max_ns: cut(std_ns) }
        }
    };
    Ok(Jitter { spread, reorder })
}

fn loss(entry: &LossEntry, path: KeyPath) -> Result<Loss, Wrong> {
    let table = match *entry {
        LossEntry::Plain(Share(0)) => return Ok(Loss::None),
        LossEntry::Plain(share) => return Ok(Loss::independent(share.0)),
        LossEntry::Table(table) => table,
    };
    let LossTable { kind, share, correlation, enter, leave, good, bad, p13, p31, p32, p23, p14 } = table;
    let plain = [("share", share.is_some())];
    let correlated = [("correlation", correlation.is_some())];
    let bursts = [("enter", enter.is_some()), ("leave", leave.is_some())];
    let levels = [("good", good.is_some()), ("bad", bad.is_some())];
    let four = [("p13", p13.is_some()), ("p31", p31.is_some()), ("p32", p32.is_some()), ("p23", p23.is_some()), ("p14", p14.is_some())];
    let refuse_all = |kind: &str, groups: &[&[(&str, bool)]]| groups.iter().try_for_each(|keys| refuse(&path, kind, keys));
    let need =
        |value: Option<Share>, kind: &str, key: &str| needed(value, &path, kind, key, "a share such as \"1 %\"").map(|share| share.0);
    let model = match kind {
        LossKind::Independent => {
            refuse_all("independent", &[&correlated, &bursts, &levels, &four])?;
            Loss::independent(need(share, "independent", "share")?)
        }
        LossKind::Correlated => {
            refuse_all("correlated", &[&bursts, &levels, &four])?;
            Loss::Correlated {
                loss_ppb: need(share, "correlated", "share")?,
                correlation_ppb: need(correlation, "correlated", "correlation")?,
            }
        }
        LossKind::Gilbert => {
            refuse_all("gilbert", &[&plain, &correlated, &levels, &four])?;
            Loss::Gilbert { enter_ppb: need(enter, "gilbert", "enter")?, leave_ppb: need(leave, "gilbert", "leave")? }
        }
        LossKind::GilbertElliott => {
            refuse_all("gilbert_elliott", &[&plain, &correlated, &four])?;
            Loss::GilbertElliott {
                enter_ppb: need(enter, "gilbert_elliott", "enter")?,
                leave_ppb: need(leave, "gilbert_elliott", "leave")?,
                good_loss_ppb: good.map_or(0, |share| share.0),
                bad_loss_ppb: bad.map_or(crate::random::CERTAIN_PPB, |share| share.0),
            }
        }
        LossKind::FourState => {
            refuse_all("four_state", &[&plain, &correlated, &bursts, &levels])?;
            let need = |value: Option<Share>, key: &str| need(value, "four_state", key);
            Loss::FourState {
                p13_ppb: need(p13, "p13")?,
                p31_ppb: need(p31, "p31")?,
                p32_ppb: need(p32, "p32")?,
                p23_ppb: need(p23, "p23")?,
                p14_ppb: need(p14, "p14")?,
            }
        }
    };
    model.check().map_err(|error| Wrong::new(path, error.to_string()))?;
    Ok(model)
}
