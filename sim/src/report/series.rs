//! What one viewer measured, as series on one grid of times: the rows of `metrics.csv` turned on their side.

use std::collections::{BTreeMap, BTreeSet};

use crate::record::{Entry, MetricRow, What};

/// Points that a curve keeps at most. A minute has 600; beyond this a screen shows several to a pixel, so neighbours are merged.
const POINTS: usize = 2_400;

/// Rows are meant to stand 100 ms apart; a record with a single row does not tell.
const USUAL_INTERVAL_NS: u64 = 100_000_000;

/// Received rates are drawn as the mean of this many intervals up to each one: at 30 frames per second, 100 ms hold two to four frames, and the rate jumps by a third without
/// meaning anything. A trailing mean, so that no effect is drawn before its cause.
const MEAN_OF: usize = 5;

/// One viewer's series. All vectors but `streams` have one element per time.
#[derive(Debug)]
pub(super) struct ViewerSeries {
    /// The viewer.
    pub(super) user: String,
    /// The length of one interval, in nanoseconds.
    pub(super) interval_ns: u64,
    /// The ends of the intervals, in nanoseconds, rising.
    pub(super) times_ns: Vec<u64>,
    /// Capacity of the downlink, in bits per second; none where it is not limited.
    pub(super) capacity_bps: Vec<Option<u64>>,
    /// The server's estimate, in bits per second.
    pub(super) estimate_bps: Vec<Option<u64>>,
    /// Received over all streams, in bits per second.
    pub(super) received_bps: Vec<u64>,
    /// Waiting time in the downlink's queue, in microseconds; the longest of merged intervals.
    pub(super) queue_us: Vec<u64>,
    /// The streams, by name.
    pub(super) streams: Vec<StreamSeries>,
}

/// One stream as its viewer received it.
#[derive(Debug)]
pub(super) struct StreamSeries {
    /// Its name, `user/kind`.
    pub(super) name: String,
    /// The layers that were forwarded at some time, lowest first.
    pub(super) layers: Vec<String>,
    /// One element per time of the viewer; none while it was not subscribed.
    pub(super) points: Vec<Option<StreamPoint>>,
    /// The layers over time, as exact as the record is.
    pub(super) bands: Vec<Band>,
    /// Packets missing at the end.
    pub(super) lost_packets: u64,
}

/// A stream in one interval.
#[derive(Clone, Copy, Debug)]
pub(super) struct StreamPoint {
    /// Received, in bits per second.
    pub(super) received_bps: u64,
    /// The forwarded layer, by its place in the stream's `layers`.
    pub(super) layer: Option<usize>,
}

/// A stretch of time with one layer, or with none although subscribed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Band {
    /// Its beginning, in nanoseconds.
    pub(super) from_ns: u64,
    /// Its end, in nanoseconds.
    pub(super) to_ns: u64,
    /// The layer, by its place in the stream's `layers`.
    pub(super) layer: Option<usize>,
}

/// A stretch of time in which a value did not change: value, beginning, end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    /// The value.
    pub(super) value: Option<u64>,
    /// Its beginning, in nanoseconds.
    pub(super) from_ns: u64,
    /// Its end, in nanoseconds.
    pub(super) to_ns: u64,
}

/// The series of every user that has rows, by name.
pub(super) fn of_all_viewers(metrics: &[MetricRow], entries: &[Entry]) -> Vec<ViewerSeries> {
    let mut rows_by_user: BTreeMap<&str, Vec<&MetricRow>> = BTreeMap::new();
    for row in metrics {
        rows_by_user.entry(&row.user).or_default().push(row);
    }
    let switches = times_of_switches(entries);
    let series = rows_by_user.into_iter().map(|(user, mut rows)| {
        rows.sort_by_key(|row| row.t_ns);
        ViewerSeries::new(user, &rows, &switches)
    });
    series.collect()
}

/// When layers were switched, by viewer and stream, in nanoseconds.
type Switches<'a> = BTreeMap<(&'a str, String), Vec<u64>>;

/// One walk through the record for all viewers: it is as long as they are many.
fn times_of_switches(entries: &[Entry]) -> Switches<'_> {
    let mut switches = Switches::new();
    for entry in entries {
        if let (Some(user), What::Switched { stream, .. }) = (&entry.user, &entry.what) {
            switches.entry((user.as_str(), stream.to_string())).or_default().push(entry.at.as_nanos());
        }
    }
    switches
}

impl ViewerSeries {
    fn new(user: &str, rows: &[&MetricRow], switches: &Switches<'_>) -> Self {
        let times: BTreeSet<u64> = rows.iter().map(|row| row.t_ns).collect();
        let times_ns: Vec<u64> = times.into_iter().collect();
        let interval_ns = usual_interval_ns(&times_ns);
        let at = |t_ns: u64| times_ns.binary_search(&t_ns).expect("the times are those of the rows");

        let mut series = Self {
            user: user.to_owned(),
            interval_ns,
            capacity_bps: vec![None; times_ns.len()],
            estimate_bps: vec![None; times_ns.len()],
            received_bps: vec![0; times_ns.len()],
            queue_us: vec![0; times_ns.len()],
            streams: Vec::new(),
            times_ns: Vec::new(),
        };
        let mut rows_by_stream: BTreeMap<&str, Vec<&MetricRow>> = BTreeMap::new();
        for &row in rows {
            let at = at(row.t_ns);
            series.capacity_bps[at] = row.capacity_bps;
            series.estimate_bps[at] = row.estimate_bps.or(series.estimate_bps[at]);
            series.received_bps[at] = series.received_bps[at].saturating_add(row.received_bps);
            series.queue_us[at] = series.queue_us[at].max(row.queue_delay_us);
            rows_by_stream.entry(&row.stream).or_default().push(row);
        }
        for (name, rows) in rows_by_stream {
            let layers = ladder(&rows);
            let place = |row: &MetricRow| layers.iter().position(|layer| *layer == row.layer);
            let mut points = vec![None; times_ns.len()];
            for row in &rows {
                points[at(row.t_ns)] = Some(StreamPoint { received_bps: row.received_bps, layer: place(row) });
            }
            let switches = switches.get(&(user, name.to_owned())).map_or(&[][..], Vec::as_slice);
            let steps: Vec<Step> = rows.iter().map(|row| Step { t_ns: row.t_ns, layer: place(row) }).collect();
            series.streams.push(StreamSeries {
                name: name.to_owned(),
                points,
                bands: bands(&steps, interval_ns, switches),
                lost_packets: rows.last().map_or(0, |row| row.lost_packets),
                layers,
            });
        }
        series.times_ns = times_ns;
        series.thinned()
    }

    /// Merges neighbours until at most [`POINTS`] are left: means of what was received, the longest queue, the last of everything else.
    fn thinned(self) -> Self {
        let merge = self.times_ns.len().div_ceil(POINTS);
        if merge <= 1 {
            return self;
        }
        let streams = self.streams.into_iter().map(|stream| StreamSeries {
            points: (stream.points.chunks(merge))
                .map(|chunk| {
                    let received_bps = mean(chunk.iter().flatten().map(|point| point.received_bps))?;
                    let layer = chunk.iter().flatten().last()?.layer;
                    Some(StreamPoint { received_bps, layer })
                })
                .collect(),
            ..stream
        });
        Self {
            interval_ns: self.interval_ns.saturating_mul(merge as u64),
            times_ns: last(&self.times_ns, merge),
            capacity_bps: last(&self.capacity_bps, merge),
            estimate_bps: last(&self.estimate_bps, merge),
            received_bps: self.received_bps.chunks(merge).filter_map(|chunk| mean(chunk.iter().copied())).collect(),
            queue_us: self.queue_us.chunks(merge).filter_map(|chunk| chunk.iter().copied().max()).collect(),
            streams: streams.collect(),
            user: self.user,
        }
    }

    /// Whether the interval at `at` follows the one before it without a hole.
    pub(super) fn continues(&self, at: usize) -> bool {
        at > 0 && self.times_ns[at] - self.times_ns[at - 1] <= self.interval_ns.saturating_add(self.interval_ns / 2)
    }

    /// When the interval at `at` begins, in nanoseconds.
    pub(super) fn begin_ns(&self, at: usize) -> u64 {
        if self.continues(at) { self.times_ns[at - 1] } else { self.times_ns[at].saturating_sub(self.interval_ns) }
    }

    /// What was received, as the mean of a few intervals up to each one, never across a hole.
    pub(super) fn received_means_bps(&self) -> Vec<u64> {
        let mut first = 0;
        (0..self.times_ns.len())
            .map(|at| {
                if !self.continues(at) {
                    first = at;
                }
                let window = &self.received_bps[first.max((at + 1).saturating_sub(MEAN_OF))..=at];
                window.iter().copied().fold(0, u64::saturating_add) / window.len() as u64
            })
            .collect()
    }

    /// How long the mean of [`Self::received_means_bps`] reaches back, in milliseconds.
    pub(super) fn mean_ms(&self) -> u64 {
        self.interval_ns.saturating_mul(MEAN_OF as u64) / 1_000_000
    }

    /// The capacity as stretches without change. `exact_ns` are the times of changes, sorted; a change that the rows show within an interval is moved to the one told there.
    pub(super) fn capacity_stretches(&self, exact_ns: &[u64]) -> Vec<Stretch> {
        let mut stretches: Vec<Stretch> = Vec::new();
        for (at, &to_ns) in self.times_ns.iter().enumerate() {
            let value = self.capacity_bps[at];
            match stretches.last_mut() {
                Some(last) if self.continues(at) && last.value == value => last.to_ns = to_ns,
                Some(last) if self.continues(at) => {
                    let change_ns = exact(exact_ns, last.to_ns, to_ns);
                    last.to_ns = change_ns;
                    stretches.push(Stretch { value, from_ns: change_ns, to_ns });
                }
                _ => stretches.push(Stretch { value, from_ns: self.begin_ns(at), to_ns }),
            }
        }
        stretches
    }
}

/// The last of each `merge` neighbours.
fn last<T: Copy>(values: &[T], merge: usize) -> Vec<T> {
    values.chunks(merge).filter_map(|chunk| chunk.last().copied()).collect()
}

/// The mean of some rates; none of none.
fn mean(values: impl Iterator<Item = u64> + Clone) -> Option<u64> {
    let count = values.clone().count() as u64;
    values.fold(0_u64, u64::saturating_add).checked_div(count)
}

/// The last of `exact_ns` within `(from_ns, to_ns]`, which is when a change that shows at `to_ns` really was; `from_ns` when none is told.
fn exact(exact_ns: &[u64], from_ns: u64, to_ns: u64) -> u64 {
    let upto = exact_ns.partition_point(|&t| t <= to_ns);
    exact_ns[..upto].last().copied().filter(|&t| t > from_ns).unwrap_or(from_ns)
}

/// The median distance, which neither a hole nor a stray row moves.
fn usual_interval_ns(times_ns: &[u64]) -> u64 {
    let mut steps: Vec<u64> = times_ns.windows(2).map(|pair| pair[1] - pair[0]).collect();
    steps.sort_unstable();
    steps.get(steps.len() / 2).copied().unwrap_or(USUAL_INTERVAL_NS)
}

struct Step {
    t_ns: u64,
    layer: Option<usize>,
}

fn bands(steps: &[Step], interval_ns: u64, switches_ns: &[u64]) -> Vec<Band> {
    let mut bands: Vec<Band> = Vec::new();
    for &Step { t_ns, layer } in steps {
        let begin_ns = t_ns.saturating_sub(interval_ns);
        match bands.last_mut() {
            // Half an interval of slack, as rows may stand a little apart from the grid.
            Some(last) if last.to_ns.saturating_add(interval_ns / 2) >= begin_ns => {
                if last.layer == layer {
                    last.to_ns = t_ns;
                } else {
                    let change_ns = exact(switches_ns, last.to_ns, t_ns);
                    last.to_ns = change_ns;
                    bands.push(Band { from_ns: change_ns, to_ns: t_ns, layer });
                }
            }
            _ => {
                let from_ns = exact(switches_ns, begin_ns, t_ns);
                bands.push(Band { from_ns, to_ns: t_ns, layer });
            }
        }
    }
    bands
}

/// The layers that occur, lowest first. The record has their names alone: `q`, `h`, `f` are the ladder that everyone uses (quarter, half, full); of any other names, the one
/// that took more bits per second is the higher one.
fn ladder(rows: &[&MetricRow]) -> Vec<String> {
    const USUAL: [&str; 3] = ["q", "h", "f"];
    let mut sent: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for row in rows.iter().filter(|row| !row.layer.is_empty()) {
        let (sum_bps, count) = sent.entry(&row.layer).or_default();
        *sum_bps = sum_bps.saturating_add(row.sent_bps);
        *count += 1;
    }
    let mut names: Vec<&str> = sent.keys().copied().collect();
    if names.iter().all(|name| USUAL.contains(name)) {
        names.sort_by_key(|name| USUAL.iter().position(|usual| usual == name));
    } else {
        names.sort_by_key(|name| sent[name].0 / sent[name].1);
    }
    names.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(t_ms: u64, layer: &str, sent_bps: u64) -> MetricRow {
        MetricRow {
            t_ns: t_ms * 1_000_000,
            user: "cem".into(),
            stream: "ada/main".into(),
            capacity_bps: Some(if t_ms <= 300 { 2_000_000 } else { 500_000 }),
            estimate_bps: None,
            sent_bps,
            received_bps: sent_bps,
            layer: layer.into(),
            queue_delay_us: t_ms,
            lost_packets: 0,
        }
    }

    #[test]
    fn layers_with_names_of_their_own_are_ordered_by_what_they_take() {
        let rows = [row(100, "big", 900), row(200, "tiny", 100), row(300, "middle", 400)];
        assert_eq!(ladder(&rows.iter().collect::<Vec<_>>()), ["tiny", "middle", "big"]);
        let rows = [row(100, "f", 0), row(200, "q", 0)];
        assert_eq!(ladder(&rows.iter().collect::<Vec<_>>()), ["q", "f"]);
    }

    #[test]
    fn a_hole_in_the_rows_is_a_hole_in_bands_and_stretches() {
        let rows = [row(100, "q", 1), row(200, "q", 1), row(300, "h", 1), row(900, "h", 1)];
        let viewers = of_all_viewers(&rows, &[]);
        let ms = |ns: u64| ns / 1_000_000;
        let bands: Vec<_> = viewers[0].streams[0].bands.iter().map(|b| (ms(b.from_ns), ms(b.to_ns), b.layer)).collect();
        assert_eq!(bands, [(0, 200, Some(0)), (200, 300, Some(1)), (800, 900, Some(1))]);
        let stretches: Vec<_> = viewers[0].capacity_stretches(&[]).iter().map(|s| (ms(s.from_ns), ms(s.to_ns))).collect();
        assert_eq!(stretches, [(0, 300), (800, 900)]);
    }

    #[test]
    fn a_long_run_is_thinned_and_keeps_its_longest_queue() {
        let rows: Vec<MetricRow> = (1..=10_000).map(|n| row(n * 100, "q", if n % 2 == 0 { 0 } else { 1_000 })).collect();
        let viewers = of_all_viewers(&rows, &[]);
        let viewer = &viewers[0];
        assert!(viewer.times_ns.len() <= POINTS, "{}", viewer.times_ns.len());
        assert_eq!(viewer.queue_us.iter().max(), Some(&1_000_000));
        assert!(viewer.received_bps.iter().all(|&bps| (400..=600).contains(&bps)));
        assert_eq!(viewer.streams[0].points.len(), viewer.times_ns.len());
    }
}
