//! How good a viewer's connection was, as its own client scored it: a band for each direction, its reasons, and the same in words.
//!
//! Levels are told by their number and by how light or dark they are, and by colour only on top of that: from light to dark where the page is light, from dark to light where it is dark.

use greenroom_core::quality::{Level, Verdict};

use super::{
    figure::{Cluster, Figure, Glyph, Mark, PLOT_WIDTH_PX},
    timeline::is_about,
    units::{Seconds, TimeAxis},
    words,
};
use crate::{
    record::{Entry, What},
    report::page::put,
};

/// Height of one direction's band, in pixels.
pub(super) const BAND: u64 = 18;
/// Between the two.
pub(super) const GAP: u64 = 4;

/// Levels that are told one by one; more are summed up.
const ONE_BY_ONE: usize = 6;

/// How good both ways were.
#[derive(Debug)]
pub(super) struct Quality {
    /// The way to the server.
    pub(super) up: Vec<Stretch>,
    /// The way from it.
    pub(super) down: Vec<Stretch>,
}

/// A stretch of time with one level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    /// Its beginning, in nanoseconds.
    pub(super) from_ns: u64,
    /// Its end, in nanoseconds.
    pub(super) to_ns: u64,
    /// The level, and what brought it about.
    pub(super) verdict: Verdict,
    /// The number of the event that told it.
    pub(super) event: usize,
}

impl Quality {
    /// What a user's client said, until the user left or the run was over.
    pub(super) fn of(user: &str, entries: &[Entry], end_ns: u64) -> Self {
        let mut quality = Self { up: Vec::new(), down: Vec::new() };
        for (event, entry) in entries.iter().enumerate().filter(|(_, entry)| is_about(entry, user)) {
            let at_ns = entry.at.as_nanos();
            match &entry.what {
                What::NetworkQuality { up, down } => {
                    for (stretches, verdict) in [(&mut quality.up, *up), (&mut quality.down, *down)] {
                        let open = stretches.last_mut().filter(|last| last.to_ns == u64::MAX);
                        if open.as_ref().is_some_and(|open| open.verdict.level == verdict.level) {
                            continue; // told because of the other direction
                        }
                        if let Some(open) = open {
                            open.to_ns = at_ns;
                        }
                        stretches.push(Stretch { from_ns: at_ns, to_ns: u64::MAX, verdict, event });
                    }
                }
                What::Left | What::Removed { .. } => quality.close(at_ns),
                _ => {}
            }
        }
        quality.close(end_ns);
        quality
    }

    fn close(&mut self, at_ns: u64) {
        for stretch in self.up.iter_mut().chain(&mut self.down).filter(|stretch| stretch.to_ns == u64::MAX) {
            stretch.to_ns = at_ns;
        }
    }

    /// Both directions, with what they are called.
    pub(super) fn directions(&self) -> [(&'static str, &[Stretch]); 2] {
        [("up", &self.up), ("down", &self.down)]
    }

    /// Whether anything was scored.
    pub(super) fn is_empty(&self) -> bool {
        self.up.is_empty() && self.down.is_empty()
    }

    /// How tall both bands are, in pixels.
    pub(super) fn height_px(&self) -> u64 {
        if self.is_empty() { 0 } else { 2 * BAND + GAP }
    }

    /// A sentence for each direction.
    pub(super) fn sentences(&self) -> Vec<String> {
        let told = |(way, stretches): (&str, &[Stretch])| (!stretches.is_empty()).then(|| sentence(way, stretches));
        self.directions().into_iter().filter_map(told).collect()
    }

    /// Draws both bands.
    pub(super) fn put(&self, figure: &mut Figure, top: u64) {
        for (place, (way, stretches)) in (0..).zip(self.directions()) {
            put_band(figure, way, stretches, top + place * (BAND + GAP));
        }
    }
}

/// Whether any client scored its connection.
pub(super) fn are_scored(entries: &[Entry]) -> bool {
    entries.iter().any(|entry| matches!(entry.what, What::NetworkQuality { .. }))
}

/// The stretch in which a time lies.
pub(super) fn at(stretches: &[Stretch], at_ns: u64) -> Option<&Stretch> {
    let upto = stretches.partition_point(|stretch| stretch.from_ns <= at_ns);
    stretches[..upto].last().filter(|stretch| at_ns <= stretch.to_ns)
}

fn sentence(way: &str, stretches: &[Stretch]) -> String {
    let name = |stretch: &Stretch| stretch.verdict.level.name();
    match stretches {
        [] => String::new(),
        [only] => format!("The way {way} was {} throughout.", name(only)),
        [first, rest @ ..] if rest.len() < ONE_BY_ONE => {
            let mut last = first.verdict.reason;
            let steps: Vec<String> = rest
                .iter()
                .map(|stretch| {
                    // What is not forgotten yet needs no second telling.
                    let is_new = core::mem::replace(&mut last, stretch.verdict.reason) != stretch.verdict.reason;
                    let reason = words::because(stretch.verdict.reason).filter(|_| is_new);
                    let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
                    format!("{} from {}{reason}", name(stretch), Seconds(stretch.from_ns))
                })
                .collect();
            format!("The way {way} was {} at first, {}.", name(first), super::story::listed(&steps))
        }
        _ => {
            let span_ns = |of: Level| {
                let own = stretches.iter().filter(|stretch| stretch.verdict.level == of);
                own.map(|stretch| stretch.to_ns - stretch.from_ns).sum::<u64>()
            };
            let all_ns = Level::ALL.into_iter().map(span_ns).sum::<u64>().max(1);
            let per_cent = |ns: u64| u128::from(ns) * 100 / u128::from(all_ns);
            let known = Level::ALL.into_iter().filter(|level| span_ns(*level) > 0);
            let shares: Vec<String> = known.map(|level| format!("{} for {} %", level.name(), per_cent(span_ns(level)))).collect();
            format!("The way {way} changed {} times; it was {} of the time.", stretches.len() - 1, super::story::listed(&shares))
        }
    }
}

fn put_band(figure: &mut Figure, way: &str, stretches: &[Stretch], top: u64) {
    let axis = figure.axis;
    figure.put_rail(top + BAND / 2, "stream", &format!("way {way}"));
    for stretch in stretches {
        let (x, width) = (axis.percent(stretch.from_ns), axis.width(stretch.from_ns, stretch.to_ns));
        let level = stretch.verdict.level.number();
        put!(figure.ink, "<rect class=\"level level{level}\" x=\"{x}\" width=\"{width}\" y=\"{top}\" height=\"{BAND}\"/>");
    }
    let marks = stretches.iter().map(|stretch| Mark {
        at_ns: stretch.from_ns,
        label: String::new(),
        weight: stretch.verdict.level.number(),
        glyph: Glyph::Dot,
        sentence: format!("way {way} until {}: {}", Seconds(stretch.to_ns), words::lasting_quality(stretch.verdict)),
        event: stretch.event,
    });
    // What is too short to be pointed at shares a mark with what follows, under the worst of their levels.
    let clusters = Cluster::gather(marks.collect(), axis);
    let mut ends_ns: Vec<u64> = clusters.iter().skip(1).map(|cluster| cluster.first().at_ns).collect();
    ends_ns.extend(stretches.last().map(|last| last.to_ns));
    for (cluster, to_ns) in clusters.iter().zip(ends_ns) {
        let from_ns = cluster.first().at_ns;
        // A mark ends where its own stretch does, which may be before another stay begins.
        let own = cluster.marks().iter().filter_map(|mark| at(stretches, mark.at_ns)).map(|stretch| stretch.to_ns).max();
        let to_ns = own.unwrap_or(to_ns).min(to_ns);
        let level = Level::ALL[usize::from(cluster.speaker().weight)];
        let words = shown(level, axis, from_ns, to_ns);
        let style = format!("top:{top}px;width:{}", axis.width(from_ns, to_ns));
        let inside = format!("<span class=\"on-level{}\">{words}</span>", level.number());
        cluster.put(&mut figure.marks, axis.percent(from_ns), "scored", &style, &inside, "");
    }
    if let Some(last) = stretches.last().filter(|last| last.to_ns >= axis.end_ns / 100 * 94) {
        figure.put_tail(top + BAND / 2, "count", last.verdict.level.name());
    }
}

/// What of a level there is room for: number and word, the number, or nothing.
fn shown(level: Level, axis: TimeAxis, from_ns: u64, to_ns: u64) -> String {
    /// Width of a letter of such words, and of what stands before and behind them, in pixels.
    const LETTER: u64 = 7;
    const MARGINS: u64 = 8;
    let room_px = axis.pixels(to_ns, PLOT_WIDTH_PX).saturating_sub(axis.pixels(from_ns, PLOT_WIDTH_PX));
    let whole = level.to_string();
    match room_px {
        room_px if room_px >= MARGINS + LETTER * whole.chars().count() as u64 => whole,
        room_px if room_px >= LETTER + 2 => level.number().to_string(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use greenroom_core::{
        id::UserId,
        quality::{Reason, Share},
        time::Instant,
    };

    use super::*;

    fn entry(s: u64, what: What) -> Entry {
        Entry { at: Instant::from_secs(s), user: Some(UserId::new("dia").unwrap()), what }
    }

    fn scored(up: Level, down: Level, reason: Reason) -> What {
        What::NetworkQuality { up: Verdict { level: up, reason: Reason::Clear }, down: Verdict { level: down, reason } }
    }

    #[test]
    fn a_direction_changes_when_its_own_level_does_and_ends_with_the_stay() {
        let entries = [
            entry(2, scored(Level::Excellent, Level::Excellent, Reason::Clear)),
            entry(22, scored(Level::Excellent, Level::VeryPoor, Reason::Freeze(Share::percent(40)))),
            entry(30, scored(Level::Good, Level::VeryPoor, Reason::Freeze(Share::percent(40)))),
            entry(40, What::Left),
            entry(50, scored(Level::Excellent, Level::Unknown, Reason::Unmeasured)),
        ];
        let quality = Quality::of("dia", &entries, 60_000_000_000);
        let seen = |stretches: &[Stretch]| -> Vec<_> {
            let s = |ns: u64| ns / 1_000_000_000;
            stretches.iter().map(|stretch| (s(stretch.from_ns), s(stretch.to_ns), stretch.verdict.level.number(), stretch.event)).collect()
        };
        assert_eq!(seen(&quality.up), [(2, 30, 1, 0), (30, 40, 2, 2), (50, 60, 1, 4)]);
        assert_eq!(seen(&quality.down), [(2, 22, 1, 0), (22, 40, 5, 1), (50, 60, 0, 4)]);
        let plain: Vec<_> = quality.sentences().iter().map(|told| told.replace('\u{a0}', " ")).collect();
        assert_eq!(
            plain[1],
            "The way down was excellent at first, very poor from 22 s (picture frozen 40 % of the time) and unknown from 50 s."
        );
        assert_eq!(at(&quality.down, 45_000_000_000), None, "nobody was there");
        assert!(Quality::of("ben", &entries, 60).is_empty());
    }
}
