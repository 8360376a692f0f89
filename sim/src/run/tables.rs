//! From what was counted to what is told: rows of metrics, one line for each viewer, and what the scenario's links did when.

use std::collections::{BTreeMap, BTreeSet};

use greenroom_core::{id::UserId, time::Instant};

use crate::{
    net::link::LinkConfig,
    record::{Counted, Direction, Entry, MetricRow, SAMPLE_INTERVAL, Samples, StreamName, Viewer, What},
    scenario::{Scenario, User, Ways},
};

/// What the links do, as the scenario says: changes of capacity, and outages.
pub(super) fn network_entries(scenario: &Scenario) -> Vec<Entry> {
    let mut entries = Vec::new();
    for user in &scenario.users {
        let mut push = |at: Instant, what: What| entries.push(Entry { at, user: Some(user.id.clone()), what });
        for (direction, link) in [(Direction::Up, &user.up), (Direction::Down, &user.down)] {
            for (at, rate_bps) in link.capacity.steps().iter().skip(1) {
                push(*at, What::Capacity { direction, rate_bps: *rate_bps });
            }
        }
        let outages: BTreeSet<(Instant, Instant)> = outages(&user.up).chain(outages(&user.down)).collect();
        for (from, to) in outages {
            push(from, What::OutageBegan);
            push(to, What::OutageEnded);
        }
    }
    let end = Instant::ZERO.saturating_add(scenario.duration);
    entries.retain(|entry| entry.at < end);
    entries.sort_by_key(|entry| entry.at);
    entries
}

/// What befell hosts and links, and how often each of it struck.
pub(super) fn fault_entries(scenario: &Scenario, struck: &[u64]) -> Vec<Entry> {
    let mut entries = Vec::new();
    for (fault, struck) in scenario.faults.iter().zip(struck) {
        let user = usize::from(fault.host).checked_sub(1).and_then(|at| scenario.users.get(at)).map(|user| user.id.clone());
        let host = scenario.host_name(fault.host).to_owned();
        let direction = fault.kind.ways().map(Ways::word);
        let began = What::FaultBegan { fault: fault.kind.word(), host: host.clone(), direction, struck: *struck };
        entries.push(Entry { at: fault.at, user: user.clone(), what: began });
        if let Some(until) = fault.until {
            entries.push(Entry { at: until, user, what: What::FaultEnded { fault: fault.kind.word(), host } });
        }
    }
    let end = Instant::ZERO.saturating_add(scenario.duration);
    entries.retain(|entry| entry.at < end);
    entries.sort_by_key(|entry| entry.at);
    entries
}

fn outages(link: &LinkConfig) -> impl Iterator<Item = (Instant, Instant)> + '_ {
    link.outages.iter().map(|outage| (outage.from, outage.to))
}

/// The row of a viewer's stream at the end of the interval that an instant falls into.
type Key = (Instant, UserId, StreamName);

/// `metrics.csv`: what server, viewer and link counted for one stream in one interval, side by side.
pub(super) fn metrics(scenario: &Scenario, samples: &Samples) -> Vec<MetricRow> {
    let interval_ns = u64::try_from(SAMPLE_INTERVAL.as_nanos()).expect("a tenth of a second");
    let end_of = |at: Instant| Instant::from_nanos(at.as_nanos().div_ceil(interval_ns) * interval_ns);
    let bps = |bytes: u64| bytes * 8 * 1_000_000_000 / interval_ns;
    let users: BTreeMap<&UserId, &User> = scenario.users.iter().map(|user| (&user.id, user)).collect();

    let mut rows: BTreeMap<Key, MetricRow> = BTreeMap::new();
    let mut whole: BTreeSet<Key> = BTreeSet::new();
    for sample in samples {
        if matches!(sample.what, Counted::Ingress(_) | Counted::Heard(_) | Counted::Part(_)) {
            continue;
        }
        let end = end_of(sample.at);
        let key = (end, sample.user.clone(), sample.stream.clone());
        if sample.at == end {
            whole.insert(key.clone());
        }
        let row = rows.entry(key).or_insert_with(|| MetricRow {
            t_ns: end.as_nanos(),
            user: sample.user.to_string(),
            stream: sample.stream.to_string(),
            capacity_bps: users.get(&sample.user).and_then(|user| user.down.capacity.at(end)),
            estimate_bps: None,
            sent_bps: 0,
            received_bps: 0,
            layer: String::new(),
            queue_delay_us: 0,
            lost_packets: 0,
        });
        match &sample.what {
            Counted::Sent { flow, layer, estimate_bps, .. } => {
                row.sent_bps += bps(flow.bytes);
                row.estimate_bps = *estimate_bps;
                row.layer = layer.as_ref().map(ToString::to_string).unwrap_or_default();
            }
            Counted::Received { flow, lost_packets } => {
                row.received_bps += bps(flow.bytes);
                row.lost_packets = *lost_packets;
            }
            Counted::Downlink { queue_delay, .. } => {
                row.queue_delay_us = u64::try_from(queue_delay.as_micros()).unwrap_or(u64::MAX);
            }
            Counted::Ingress(_) | Counted::Heard(_) | Counted::Part(_) => unreachable!("left out above"),
        }
    }
    // A view that ended within an interval has no row for it: its rates would be those of a part, and its layer nobody's.
    rows.retain(|(end, user, stream), _| whole.contains(&(*end, user.clone(), stream.clone())));
    rows.into_values().collect()
}

/// One line for each viewer's view of each stream, by viewer in the scenario's order, then by stream.
pub(super) fn viewers(scenario: &Scenario, entries: &[Entry], metrics: &[MetricRow]) -> Vec<Viewer> {
    let mut rows: BTreeMap<&str, BTreeMap<&str, Vec<&MetricRow>>> = BTreeMap::new();
    for row in metrics {
        rows.entry(&row.user).or_default().entry(&row.stream).or_default().push(row);
    }
    let mut own: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for entry in entries {
        if let Some(user) = &entry.user {
            own.entry(user.as_str()).or_default().push(entry);
        }
    }
    let line = |user: &User| {
        let entries = own.get(user.id.as_str()).map_or(&[][..], Vec::as_slice);
        let streams = rows.get(user.id.as_str()).into_iter().flatten();
        streams.map(|(stream, rows)| viewer(scenario, user, stream, entries, rows)).collect::<Vec<_>>()
    };
    scenario.users.iter().flat_map(line).collect()
}

fn viewer(scenario: &Scenario, user: &User, stream: &str, entries: &[&Entry], rows: &[&MetricRow]) -> Viewer {
    let count = u64::try_from(rows.len()).unwrap_or(u64::MAX).max(1);
    let received_bps_mean = rows.iter().map(|row| row.received_bps).sum::<u64>() / count;
    let capacity_bps_mean = rows.iter().map(|row| row.capacity_bps).sum::<Option<u64>>().map(|sum| sum / count);
    let video_bps = scenario.camera.layers.last().map_or(0, |layer| layer.max_bps);
    let could_bps = capacity_bps_mean.unwrap_or(u64::MAX).min(video_bps + scenario.camera.audio_bps).max(1);

    let of_stream = |name: &StreamName| name.to_string() == stream;
    let layer_switches =
        entries.iter().filter(|entry| matches!(&entry.what, What::Switched { stream, from: Some(_), .. } if of_stream(stream))).count();
    let freezes = entries.iter().filter_map(|entry| match &entry.what {
        What::Freeze { stream, duration_ms } if of_stream(stream) => Some(*duration_ms),
        _ => None,
    });
    let first_frame_ms = entries.iter().find_map(|entry| match &entry.what {
        What::FirstFrame { stream, after_ms } if of_stream(stream) => Some(*after_ms),
        _ => None,
    });
    #[expect(clippy::cast_precision_loss, reason = "rates are far below 2^53")]
    let utilisation = (received_bps_mean as f64 / could_bps as f64 * 1e4).round() / 1e4;
    Viewer {
        user: user.id.to_string(),
        stream: stream.to_owned(),
        link: user.link.clone(),
        capacity_bps_mean,
        received_bps_mean,
        utilisation,
        layer_switches: u32::try_from(layer_switches).unwrap_or(u32::MAX),
        freeze_ms: freezes.sum(),
        first_frame_ms,
    }
}
