//! The frame that every figure shares: a rail of names at the left, a plot that stretches with the window, and a tail of labels at the right.
//!
//! Lengths along time are per cent, lengths across it are pixels, and text is never scaled: so a figure is as legible on a telephone, where the plot scrolls under a rail that
//! stays, as on a wide screen. Curves live in a nested `svg` that stretches without thickening its lines. Marks are HTML links on top: they take the keyboard's focus, say
//! what they mean without a script, and lead to their row in the table of events.

use core::fmt;

use super::{
    page::{Escaped, Page, put},
    tables,
    units::{Percent, Seconds, TimeAxis},
};

/// The narrowest plot, in pixels; the style sheet says the same. Whatever keeps clear of its neighbour here does so on any wider one.
pub(super) const PLOT_WIDTH_PX: u64 = 640;

/// Events closer than this on the narrowest plot become one mark, in pixels: the width of a mark and a little air.
const CLUSTER_PX: u64 = 12;

/// A figure as far as it is drawn. Parts may be added in any order.
#[derive(Debug)]
pub(super) struct Figure {
    /// The horizontal axis.
    pub(super) axis: TimeAxis,
    /// What stands in the rail: absolutely placed HTML.
    pub(super) rail: Page,
    /// What is drawn: elements of an `svg`.
    pub(super) ink: Page,
    /// What can be pointed at or focused: absolutely placed HTML links.
    pub(super) marks: Page,
    /// What stands behind the plot: absolutely placed HTML.
    pub(super) tail: Page,
}

/// How a figure is named for those who do not see it: the ids of its heading and of the sentences that tell its story.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name<'a> {
    /// Id of the heading.
    pub(super) heading: &'a str,
    /// Id of the paragraph.
    pub(super) story: &'a str,
}

impl Figure {
    /// An empty figure.
    pub(super) fn new(axis: TimeAxis) -> Self {
        Self { axis, rail: Page::default(), ink: Page::default(), marks: Page::default(), tail: Page::default() }
    }

    /// Thin lines at round times from `top_px` to `bottom_px`, and the times below.
    pub(super) fn put_time_axis(&mut self, top_px: u64, bottom_px: u64) {
        let ticks = self.axis.ticks();
        for &tick in &ticks {
            let x = self.axis.percent(tick);
            put!(self.ink, "<line class=\"grid\" x1=\"{x}\" x2=\"{x}\" y1=\"{top_px}\" y2=\"{bottom_px}\"/>");
            let anchor = match tick {
                0 => "start",
                _ if x.0 >= 97_000 => "end",
                _ => "middle",
            };
            put!(self.ink, "<text class=\"tick\" x=\"{x}\" y=\"{}\" text-anchor=\"{anchor}\">{}</text>", bottom_px + 15, Seconds(tick));
        }
    }

    /// A text in the rail, its middle at `y_px`.
    pub(super) fn put_rail(&mut self, y_px: u64, class: &str, text: &str) {
        put!(self.rail, "<span class=\"{class}\" style=\"top:{y_px}px\" title=\"{0}\">{0}</span>", Escaped(text));
    }

    /// A text in the tail, its middle at `y_px`.
    pub(super) fn put_tail(&mut self, y_px: u64, class: &str, text: &str) {
        put!(self.tail, "<span class=\"{class}\" style=\"top:{y_px}px\">{}</span>", Escaped(text));
    }

    /// Puts the figure on the page. `plot` are further attributes of the plot's element.
    pub(super) fn finish(self, page: &mut Page, name: Name<'_>, height_px: u64, plot: &str) {
        let Name { heading, story } = name;
        put!(
            page,
            "<div class=\"scroll\" role=\"group\" tabindex=\"0\" aria-labelledby=\"{heading}\"><div class=\"figure\" style=\"height:{height_px}px\">\n"
        );
        put!(page, "<div class=\"rail\" aria-hidden=\"true\">{}</div>\n<div class=\"plot\"{plot}>", self.rail.into_string());
        put!(page, "<svg class=\"ink\" role=\"img\" aria-labelledby=\"{heading} {story}\" width=\"100%\" height=\"{height_px}\">");
        put!(page, "{}</svg>\n{}</div>\n", self.ink.into_string(), self.marks.into_string());
        put!(page, "<div class=\"tail\" aria-hidden=\"true\">{}</div>\n</div></div>\n", self.tail.into_string());
    }
}

/// The shape of a mark. Each tells its meaning without its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Glyph {
    /// Something happened.
    Dot,
    /// A higher layer.
    Up,
    /// A lower layer, or none.
    Down,
    /// The first picture.
    Picture,
}

impl fmt::Display for Glyph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (class, path) = match self {
            Self::Dot => ("dot", "M5 1a4 4 0 1 0 .01 0z"),
            Self::Up => ("up", "M5 1l4.5 8h-9z"),
            Self::Down => ("down", "M5 9l4.5-8h-9z"),
            Self::Picture => ("picture", "M2 .5l7 4.5-7 4.5z"),
        };
        write!(f, "<svg class=\"glyph {class}\" width=\"10\" height=\"10\" aria-hidden=\"true\"><path d=\"{path}\"/></svg>")
    }
}

/// Something to point at.
#[derive(Clone, Debug)]
pub(super) struct Mark {
    /// When.
    pub(super) at_ns: u64,
    /// A few words; of several in one mark, the heaviest speaks.
    pub(super) label: String,
    /// What it weighs against others at the same place; of equal ones the later one counts.
    pub(super) weight: u8,
    /// What it looks like.
    pub(super) glyph: Glyph,
    /// All there is to say.
    pub(super) sentence: String,
    /// The event's number, by which the table of events names its row.
    pub(super) event: usize,
}

/// Marks that share a place.
#[derive(Debug)]
pub(super) struct Cluster(Vec<Mark>);

impl From<Mark> for Cluster {
    fn from(mark: Mark) -> Self {
        Self(vec![mark])
    }
}

impl Cluster {
    /// Gathers marks, in order of time, whose places would overlap.
    pub(super) fn gather(marks: Vec<Mark>, axis: TimeAxis) -> Vec<Self> {
        let mut clusters: Vec<Self> = Vec::new();
        for mark in marks {
            let at_px = axis.pixels(mark.at_ns, PLOT_WIDTH_PX);
            match clusters.last_mut() {
                Some(last) if at_px < axis.pixels(last.first().at_ns, PLOT_WIDTH_PX) + CLUSTER_PX => last.0.push(mark),
                _ => clusters.push(mark.into()),
            }
        }
        clusters
    }

    /// The first of them, which gives the place.
    pub(super) fn first(&self) -> &Mark {
        self.0.first().expect("a cluster is made with its first mark")
    }

    /// The one that speaks for them: the last among the heaviest, which tells what it came to.
    pub(super) fn speaker(&self) -> &Mark {
        self.0.iter().max_by_key(|mark| mark.weight).expect("a cluster is made with its first mark")
    }

    /// The marks in it.
    pub(super) fn marks(&self) -> &[Mark] {
        &self.0
    }

    /// Puts the link. `words` are what it shows beside its glyph, possibly nothing; `style` is its place across the plot.
    pub(super) fn put(&self, marks: &mut Page, x: Percent, class: &str, style: &str, inside: &str, words: &str) {
        /// Events that a tip tells; the table has the rest.
        const LINES: usize = 8;
        // A tip opens towards the middle, so that it stays within the plot.
        let side = if x.0 > 50_000 { " west" } else { "" };
        put!(
            marks,
            "<a class=\"mark {class}{side}\" style=\"left:{x};{style}\" href=\"#{}\" aria-label=\"",
            tables::row(self.first().event)
        );
        if !words.is_empty() {
            put!(marks, "{}: ", Escaped(words));
        }
        for (at, mark) in self.0.iter().take(LINES).enumerate() {
            put!(marks, "{}{} {}", if at == 0 { "" } else { "; " }, Seconds(mark.at_ns), Escaped(&mark.sentence));
        }
        put!(marks, "\">{inside}");
        if !words.is_empty() {
            put!(marks, "<span class=\"says\">{}</span>", Escaped(words));
        }
        put!(marks, "<span class=\"tip\">");
        for mark in self.0.iter().take(LINES) {
            put!(marks, "<span><b>{}</b> {}</span>", Seconds(mark.at_ns), Escaped(&mark.sentence));
        }
        if self.0.len() > LINES {
            put!(marks, "<span>and {} more</span>", self.0.len() - LINES);
        }
        put!(marks, "</span></a>\n");
    }
}

/// Rows of labels above a plot, each label where its mark is and clear of the others.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    /// For each lane, where its last label ends, in pixels on the narrowest plot.
    ends_px: Vec<u64>,
    /// Whether a label found no room, and its mark stands alone.
    bare: bool,
}

/// Where a label found room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The lane, the lowest one first; none when there was no room for words.
    pub(super) lane: Option<usize>,
    /// Whether the label stands before its mark rather than after it.
    pub(super) before: bool,
}

impl Lanes {
    /// Lanes at most. A fourth would push the plot off a telephone's screen.
    const MOST: usize = 3;
    /// Width of a letter and of a mark with its margins, in pixels: Segoe UI and Roboto at 12 px average 6 px in such words.
    const LETTER_PX: u64 = 6;
    const MARK_PX: u64 = 20;

    /// Finds room for a label of that many letters at that place. Places must come in rising order.
    pub(super) fn place(&mut self, at_px: u64, letters: usize) -> Place {
        let width_px = Self::MARK_PX + Self::LETTER_PX * letters as u64;
        let before = at_px + width_px > PLOT_WIDTH_PX + Self::MARK_PX && at_px >= width_px;
        let (from_px, to_px) = if before { (at_px - width_px, at_px + Self::MARK_PX / 2) } else { (at_px, at_px + width_px) };
        if let Some(lane) = self.ends_px.iter().position(|&end| end <= from_px) {
            self.ends_px[lane] = to_px;
            return Place { lane: Some(lane), before };
        }
        if self.ends_px.len() < Self::MOST {
            self.ends_px.push(to_px);
            return Place { lane: Some(self.ends_px.len() - 1), before };
        }
        self.bare = true;
        Place { lane: None, before: false }
    }

    /// How many rows were needed.
    pub(super) fn rows(&self) -> u64 {
        self.ends_px.len() as u64 + u64::from(self.bare)
    }

    /// The row of a place, 0 at the top. Marks without words stand in a row of their own next to the plot, in nobody's way.
    pub(super) fn row(&self, place: Place) -> u64 {
        let lanes = self.ends_px.len();
        place.lane.map_or(lanes, |lane| lanes - 1 - lane) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(at_ns: u64, weight: u8) -> Mark {
        Mark { at_ns, label: format!("at {at_ns}"), weight, glyph: Glyph::Dot, sentence: String::new(), event: 0 }
    }

    #[test]
    fn marks_that_would_overlap_become_one_and_the_heaviest_speaks() {
        let axis = TimeAxis::until(PLOT_WIDTH_PX); // one nanosecond, one pixel
        let clusters = Cluster::gather(vec![mark(0, 1), mark(5, 3), mark(11, 3), mark(12, 1)], axis);
        assert_eq!(clusters.iter().map(|cluster| cluster.marks().len()).collect::<Vec<_>>(), [3, 1]);
        assert_eq!(clusters[0].speaker().label, "at 11");
    }

    #[test]
    fn labels_in_one_lane_keep_clear_of_each_other_and_of_the_edge() {
        let mut lanes = Lanes::default();
        assert_eq!(lanes.place(0, 10), Place { lane: Some(0), before: false });
        assert_eq!(lanes.place(40, 10), Place { lane: Some(1), before: false });
        assert_eq!(lanes.place(80, 10), Place { lane: Some(0), before: false });
        assert_eq!(lanes.place(630, 10), Place { lane: Some(0), before: true });
        assert_eq!(lanes.rows(), 2);
    }

    #[test]
    fn a_label_without_room_leaves_its_mark_in_a_row_of_its_own() {
        let mut lanes = Lanes::default();
        let places: Vec<Place> = (0..4).map(|n| lanes.place(n * 12, 30)).collect();
        assert_eq!(places.iter().map(|place| place.lane).collect::<Vec<_>>(), [Some(0), Some(1), Some(2), None]);
        assert_eq!(places.iter().map(|&place| lanes.row(place)).collect::<Vec<_>>(), [2, 1, 0, 3]);
        assert_eq!(lanes.rows(), 4);
    }
}
