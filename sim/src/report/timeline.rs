//! One viewer's timeline: what its link could carry, what the server believed, what arrived, which layers those were, and what happened to it.

use super::{
    curve::{self, RateScale},
    decision::Decision,
    figure::{Cluster, Figure, Glyph, Lanes, Mark, Name, PLOT_WIDTH_PX, Place},
    page::{Escaped, Page, put},
    quality::Quality,
    series::{StreamSeries, Stretch, ViewerSeries},
    units::{Axis, Rate, Span, TimeAxis, counted},
    words,
};
use greenroom_core::id::Rid;

use crate::record::{Direction, Entry, What};

/// Heights, in pixels.
const LANE: u64 = 20;
const NOTE: u64 = 18;
const RATES: u64 = 168;
const DECISIONS: u64 = 18;
const BAND: u64 = 20;
const FREEZES: u64 = 8;
const QUEUE: u64 = 36;
const TIMES: u64 = 22;
const GAP: u64 = 10;

/// Everything a timeline is drawn from.
#[derive(Debug)]
pub(super) struct Timeline<'a> {
    /// The viewer's number in the report.
    pub(super) number: usize,
    /// Its series.
    pub(super) series: &'a ViewerSeries,
    /// Its downlink's capacity.
    pub(super) capacity: &'a [Stretch],
    /// Its decisions.
    pub(super) decisions: &'a [Decision<'a>],
    /// How good its connection was.
    pub(super) quality: &'a Quality,
    /// All that happened.
    pub(super) entries: &'a [Entry],
    /// The axis that all figures share.
    pub(super) axis: TimeAxis,
}

/// When the changes of a user's downlink are told, in nanoseconds.
pub(super) fn capacity_changes_ns(user: &str, entries: &[Entry]) -> Vec<u64> {
    let of_user = entries.iter().filter(|entry| is_about(entry, user));
    of_user
        .filter(|entry| matches!(entry.what, What::Capacity { direction: Direction::Down, .. }))
        .map(|entry| entry.at.as_nanos())
        .collect()
}

/// Whether an entry is that user's.
pub(super) fn is_about(entry: &Entry, user: &str) -> bool {
    entry.user.as_ref().is_some_and(|u| u.as_str() == user)
}

impl Timeline<'_> {
    /// Draws the figure.
    pub(super) fn put(&self, page: &mut Page) {
        let mut figure = Figure::new(self.axis);
        let rates = RateScale::of(self.series, self.capacity, RATES);

        let (events, lanes) = self.event_marks();
        let note_px = if rates.note.is_some() { NOTE } else { 0 };
        let rates_top = lanes.rows().max(1) * LANE + 8 + note_px;
        let mut below = rates_top + RATES + GAP;
        let stream_tops: Vec<u64> = (self.series.streams.iter())
            .map(|_| {
                let top = below;
                below += DECISIONS + BAND + FREEZES;
                top
            })
            .collect();
        let queue_top = below + GAP;
        let quality_top = queue_top + QUEUE + GAP;
        let quality_px = self.quality.height_px();
        let bottom = if quality_px == 0 { queue_top + QUEUE } else { quality_top + quality_px };

        figure.put_time_axis(rates_top, bottom);
        self.put_outages(&mut figure, rates_top, bottom);
        if let Some(note) = &rates.note {
            put!(figure.ink, "<text class=\"note\" x=\"100%\" y=\"{}\" text-anchor=\"end\">{note}</text>", rates_top - 6);
        }
        self.put_rates(&mut figure, &rates, rates_top);
        for (stream, top) in self.series.streams.iter().zip(stream_tops) {
            self.put_stream(&mut figure, stream, top);
        }
        self.put_queue(&mut figure, queue_top);
        if quality_px > 0 {
            self.quality.put(&mut figure, quality_top);
        }
        self.put_events(&mut figure, &events, &lanes, bottom);

        let (heading, story) = (format!("v{}", self.number), format!("v{}-story", self.number));
        let plot = format!(" data-viewer=\"{}\" data-top=\"{rates_top}\" data-bottom=\"{bottom}\"", self.number);
        figure.finish(page, Name { heading: &heading, story: &story }, bottom + TIMES, &plot);
    }

    fn event_marks(&self) -> (Vec<(Cluster, Place)>, Lanes) {
        let marks = self.entries.iter().enumerate().filter(|(_, entry)| is_about(entry, &self.series.user));
        let marks = marks.filter_map(|(event, entry)| {
            let label = words::label(&entry.what)?;
            Some(Mark {
                at_ns: entry.at.as_nanos(),
                label,
                weight: weight(&entry.what),
                glyph: Glyph::Dot,
                sentence: words::sentence(&entry.what),
                event,
            })
        });
        let mut lanes = Lanes::default();
        let placed: Vec<_> = (Cluster::gather(marks.collect(), self.axis).into_iter())
            .map(|cluster| {
                let at_px = self.axis.pixels(cluster.first().at_ns, PLOT_WIDTH_PX);
                let place = lanes.place(at_px, spoken(&cluster).chars().count());
                (cluster, place)
            })
            .collect();
        (placed, lanes)
    }

    fn put_events(&self, figure: &mut Figure, events: &[(Cluster, Place)], lanes: &Lanes, bottom: u64) {
        for (cluster, place) in events {
            let x = self.axis.percent(cluster.first().at_ns);
            let y = lanes.row(*place) * LANE;
            put!(figure.ink, "<line class=\"event-line\" x1=\"{x}\" x2=\"{x}\" y1=\"{}\" y2=\"{bottom}\"/>", y + LANE / 2);
            let words = if place.lane.is_some() { spoken(cluster) } else { String::new() };
            let class = if place.before { "event before" } else { "event" };
            cluster.put(&mut figure.marks, x, class, &format!("top:{y}px"), &Glyph::Dot.to_string(), &words);
        }
    }

    /// Hatched stretches in which the link carried nothing, or the signalling connection was lost.
    fn put_outages(&self, figure: &mut Figure, top: u64, bottom: u64) {
        let about = || self.entries.iter().filter(|entry| is_about(entry, &self.series.user));
        let stretches = [
            (
                "outage",
                stretches(about(), self.axis.end_ns, |what| matches!(what, What::OutageBegan), |what| matches!(what, What::OutageEnded)),
            ),
            (
                "interrupted",
                stretches(
                    about(),
                    self.axis.end_ns,
                    |what| matches!(what, What::Interrupted { .. }),
                    |what| matches!(what, What::Restored { .. } | What::Left | What::Removed { .. }),
                ),
            ),
        ];
        for (class, stretches) in stretches {
            for (from_ns, to_ns) in stretches {
                let (x, width) = (self.axis.percent(from_ns), self.axis.width(from_ns, to_ns));
                let height = bottom - top;
                put!(
                    figure.marks,
                    "<span class=\"stretch {class}\" style=\"left:{x};width:{width};top:{top}px;height:{height}px\"></span>"
                );
            }
        }
    }

    fn put_rates(&self, figure: &mut Figure, rates: &RateScale, top: u64) {
        for tick in rates.axis.ticks() {
            let y = top + rates.axis.drop(tick, RATES);
            let class = if tick == 0 { "zero" } else { "grid" };
            put!(figure.ink, "<line class=\"{class}\" x1=\"0\" x2=\"100%\" y1=\"{y}\" y2=\"{y}\"/>");
            figure.put_rail(y, "tick", &Rate(tick).to_string());
        }
        curve::open(&mut figure.ink, top, RATES);
        let y = |bps: u64| rates.y(bps);
        let (line, area) = curve::steps(self.capacity, self.axis, RATES, y);
        put!(figure.ink, "<path class=\"capacity-area\" d=\"{area}\"/><path class=\"capacity\" d=\"{line}\"/>");
        let series = self.series;
        let raw = curve::line(series, self.axis, |at| Some(y(series.received_bps[at])));
        put!(figure.ink, "<path class=\"received raw\" d=\"{raw}\"/>");
        let means = series.received_means_bps();
        let mean = curve::line(series, self.axis, |at| Some(y(means[at])));
        let estimate = curve::line(series, self.axis, |at| series.estimate_bps[at].map(y));
        put!(figure.ink, "<path class=\"received\" d=\"{mean}\"/><path class=\"estimate\" d=\"{estimate}\"/></svg>");

        // Names stand where the curves end, moved apart where they would touch.
        let Some(last) = series.times_ns.len().checked_sub(1) else { return };
        let mut ends = vec![("received", y(means[last]))];
        if let Some(at) = series.estimate_bps.iter().rposition(Option::is_some) {
            ends.extend(series.estimate_bps[at].map(|bps| ("estimate", y(bps))));
        }
        ends.extend(series.capacity_bps[last].filter(|&bps| bps <= rates.axis.top).map(|bps| ("capacity", y(bps))));
        ends.sort_by_key(|&(_, y)| y);
        let mut free = top;
        for (at, &(name, y)) in ends.iter().enumerate() {
            /// Height of a line of text, in pixels.
            const LINE: u64 = 16;
            let still_to_come = (ends.len() - 1 - at) as u64;
            let lowest = top + RATES - LINE / 2 - LINE * still_to_come;
            let y_px = (top + u64::try_from(y).unwrap_or(0) / curve::FINE).max(free).min(lowest);
            free = y_px + LINE;
            let end_ns = series.times_ns[last];
            if end_ns > self.axis.end_ns / 100 * 94 {
                figure.put_tail(y_px, name, name);
            } else {
                let x = self.axis.percent(end_ns);
                put!(figure.ink, "<text class=\"name {name}-name\" x=\"{x}\" dx=\"6\" y=\"{}\">{name}</text>", y_px + 4);
            }
        }
    }

    fn put_stream(&self, figure: &mut Figure, stream: &StreamSeries, top: u64) {
        let band_top = top + DECISIONS;
        figure.put_rail(band_top + BAND / 2, "stream", &stream.name);
        for band in &stream.bands {
            let (x, width) = (self.axis.percent(band.from_ns), self.axis.width(band.from_ns, band.to_ns));
            let Some(layer) = band.layer else {
                let y = band_top + BAND / 2;
                let end = self.axis.percent(band.to_ns);
                put!(figure.ink, "<line class=\"no-layer\" x1=\"{x}\" x2=\"{end}\" y1=\"{y}\" y2=\"{y}\"/>");
                continue;
            };
            let (tone, name) = (tone(stream, layer), Escaped(&stream.layers[layer]));
            put!(figure.ink, "<rect class=\"layer tone{tone}\" x=\"{x}\" width=\"{width}\" y=\"{band_top}\" height=\"{BAND}\"/>");
            let room_px = self.axis.pixels(band.to_ns, PLOT_WIDTH_PX) - self.axis.pixels(band.from_ns, PLOT_WIDTH_PX);
            if room_px >= 8 + 7 * stream.layers[layer].chars().count() as u64 {
                let y = band_top + 14;
                put!(figure.ink, "<text class=\"layer-name on-tone{tone}\" x=\"{x}\" dx=\"5\" y=\"{y}\">{name}</text>");
            }
        }
        self.put_decisions(figure, stream, top);
        self.put_freezes(figure, stream, band_top + BAND + 1);

        let changes =
            stream.bands.windows(2).filter(|pair| pair[0].layer != pair[1].layer && pair[0].layer.is_some() && pair[1].layer.is_some());
        figure.put_tail(band_top + BAND / 2, "count", &counted(changes.count(), "switch", "switches"));
    }

    fn put_decisions(&self, figure: &mut Figure, stream: &StreamSeries, top: u64) {
        let decisions = self.decisions.iter().filter(|decision| decision.stream.to_string() == stream.name);
        let mut marks: Vec<Mark> = decisions
            .map(|decision| {
                let estimate = decision.estimate_bps.map(|bps| format!(" Estimate {}.", Rate(bps))).unwrap_or_default();
                let reason = decision.reason.unwrap_or("switched without a decision on record");
                let sentence = format!("{}: {reason}.{estimate} Switched: {}.", decision.change(), decision.outcome());
                let glyph = if place_of(stream, decision.to) < place_of(stream, decision.from) { Glyph::Down } else { Glyph::Up };
                Mark { at_ns: decision.at_ns, label: String::new(), weight: 1, glyph, sentence, event: decision.event }
            })
            .collect();
        let entries = self.entries.iter().enumerate().filter(|(_, entry)| is_about(entry, &self.series.user));
        marks.extend(entries.filter_map(|(event, entry)| match &entry.what {
            What::FirstFrame { stream: s, after_ms } if s.to_string() == stream.name => {
                let sentence = format!("first picture, {} after subscribing", Span(*after_ms));
                Some(Mark { at_ns: entry.at.as_nanos(), label: String::new(), weight: 0, glyph: Glyph::Picture, sentence, event })
            }
            _ => None,
        }));
        marks.sort_by_key(|mark| mark.at_ns);
        for cluster in Cluster::gather(marks, self.axis) {
            let x = self.axis.percent(cluster.first().at_ns);
            // The arrow of the last decision, how many there were, and whether the first picture came with them.
            let (pictures, decisions): (Vec<_>, Vec<_>) = cluster.marks().iter().partition(|mark| mark.glyph == Glyph::Picture);
            let arrow = decisions.last().map(|mark| mark.glyph.to_string()).unwrap_or_default();
            let count = if decisions.len() > 1 { format!("<small>{}</small>", decisions.len()) } else { String::new() };
            let picture = pictures.last().map(|mark| mark.glyph.to_string()).unwrap_or_default();
            let inside = format!("{arrow}{count}{picture}");
            cluster.put(&mut figure.marks, x, "decision", &format!("top:{top}px"), &inside, "");
        }
    }

    fn put_freezes(&self, figure: &mut Figure, stream: &StreamSeries, top: u64) {
        for (event, entry) in self.entries.iter().enumerate().filter(|(_, entry)| is_about(entry, &self.series.user)) {
            let What::Freeze { stream: frozen, duration_ms } = &entry.what else {
                continue;
            };
            if frozen.to_string() != stream.name {
                continue;
            }
            let to_ns = entry.at.as_nanos();
            let from_ns = to_ns.saturating_sub(duration_ms.saturating_mul(1_000_000));
            let (x, width) = (self.axis.percent(from_ns), self.axis.width(from_ns, to_ns));
            let sentence = format!("the picture stood still for {}", Span(*duration_ms));
            let mark = Mark { at_ns: from_ns, label: String::new(), weight: 0, glyph: Glyph::Dot, sentence, event };
            let extra = format!("top:{top}px;width:{width}");
            Cluster::from(mark).put(&mut figure.marks, x, "freeze", &extra, "<i></i>", "");
        }
    }

    fn put_queue(&self, figure: &mut Figure, top: u64) {
        /// The axis never zooms in further: below this a queue does little to a call, and should look so. A choice; ITU-T G.114 has most calls unaffected by 150 ms one way.
        const LEAST_US: u64 = 100_000;
        let series = self.series;
        let peak = series.queue_us.iter().copied().max().unwrap_or(0);
        let axis = Axis::holding(peak.max(LEAST_US));
        let bottom = top + QUEUE;
        put!(figure.ink, "<line class=\"zero\" x1=\"0\" x2=\"100%\" y1=\"{bottom}\" y2=\"{bottom}\"/>");
        put!(figure.ink, "<line class=\"grid\" x1=\"0\" x2=\"100%\" y1=\"{top}\" y2=\"{top}\"/>");
        figure.put_rail(top, "tick", &Span(axis.top / 1000).to_string());
        figure.put_rail(top + QUEUE / 2 + 4, "stream", "queue");
        curve::open(&mut figure.ink, top, QUEUE);
        let area = curve::area(series, self.axis, QUEUE, |at| curve::y(axis, series.queue_us[at], QUEUE));
        put!(figure.ink, "<path class=\"queue\" d=\"{area}\"/></svg>");
        figure.put_tail(
            top + QUEUE / 2 + 4,
            "count",
            &if peak < 1000 { "under 1\u{a0}ms".into() } else { format!("peak {}", Span(peak / 1000)) },
        );
    }
}

/// The label of a cluster: its speaker's, and how many others there are.
fn spoken(cluster: &Cluster) -> String {
    match cluster.marks().len() {
        1 => cluster.speaker().label.clone(),
        count => format!("{} +{}", cluster.speaker().label, count - 1),
    }
}

/// What an event weighs against its neighbours: trouble first, then the user's own steps, then the connection's.
fn weight(what: &What) -> u8 {
    match what {
        What::Failed { .. } | What::Removed { .. } | What::OutageBegan | What::FaultBegan { .. } | What::Interrupted { .. } => 3,
        What::Joined { .. } | What::Left | What::RoleChanged { .. } | What::OutageEnded | What::Restored { .. } => 2,
        What::Published { .. } | What::Unpublished { .. } | What::StreamMuted { .. } => 1,
        _ => 0,
    }
}

/// How high a layer stands: 0 for none, then from the lowest up. A layer that was decided and never forwarded is not in the series; it counts as the highest.
fn place_of(stream: &StreamSeries, rid: Option<&Rid>) -> usize {
    let Some(rid) = rid else { return 0 };
    stream.layers.iter().position(|layer| layer == rid.as_str()).unwrap_or(stream.layers.len()) + 1
}

/// The tone of a layer, 1 to 3 from the lowest up. The usual ladder keeps its tones even when not all of it was used.
fn tone(stream: &StreamSeries, layer: usize) -> usize {
    match stream.layers[layer].as_str() {
        "q" => 1,
        "h" => 2,
        "f" => 3,
        _ => (layer + 1).min(3),
    }
}

/// The stretches from each beginning to the next end, or to the end of the run.
pub(super) fn stretches<'a>(
    entries: impl Iterator<Item = &'a Entry>,
    end_ns: u64,
    begins: impl Fn(&What) -> bool,
    ends: impl Fn(&What) -> bool,
) -> Vec<(u64, u64)> {
    let mut stretches = Vec::new();
    let mut since = None;
    for entry in entries {
        let at_ns = entry.at.as_nanos();
        if begins(&entry.what) {
            since.get_or_insert(at_ns);
        } else if ends(&entry.what)
            && let Some(from_ns) = since.take()
        {
            stretches.push((from_ns, at_ns));
        }
    }
    stretches.extend(since.map(|from_ns| (from_ns, end_ns)));
    stretches
}
