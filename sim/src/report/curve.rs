//! Series as paths: exact points on integer coordinates, those that lie on a level line left out.

use core::fmt::Write as _;

use super::{
    page::{Page, put},
    series::{Stretch, ViewerSeries},
    units::{Axis, Rate, TimeAxis},
};

/// Curves are drawn in tenths of a pixel.
pub(super) const FINE: u64 = 10;

/// What lies beyond an axis is drawn here: above the plot's edge, which cuts it off.
const OFF_SCALE: i64 = -40;

/// The vertical axis of a rate plot, and what it leaves out.
#[derive(Debug)]
pub(super) struct RateScale {
    /// The axis.
    pub(super) axis: Axis,
    /// A sentence about what does not fit.
    pub(super) note: Option<String>,
    height_px: u64,
}

impl RateScale {
    /// The scale for a viewer's rates. What it received always fits. Capacity and estimate fit as far as they stay below three times the most it received: a call of 2 Mbps on
    /// fibre of 100 Mbps would otherwise be a line along the bottom.
    pub(super) fn of(series: &ViewerSeries, capacity: &[Stretch], height_px: u64) -> Self {
        let means_bps = series.received_means_bps();
        // A key frame may make one interval stand far above its neighbours: it fits up to one and a half times the highest mean.
        let most_mean = means_bps.iter().copied().max().unwrap_or(0);
        let most_raw = series.received_bps.iter().copied().max().unwrap_or(0);
        let received = most_raw.min(most_mean.saturating_add(most_mean / 2)).max(most_mean);
        let estimates = || series.estimate_bps.iter().copied().flatten();
        let capacities = || capacity.iter().filter_map(|stretch| stretch.value);
        let base = match received {
            // Nothing arrived: whatever else there is gives the scale.
            0 => estimates().chain(capacities()).min().unwrap_or(1),
            bps => bps,
        };
        let fits = |&bps: &u64| bps <= base.saturating_mul(3);
        let most = estimates().chain(capacities()).filter(fits).chain([base]).max().unwrap_or(base);
        let axis = Axis::holding(most);

        let off = |what: &str, values: &mut dyn Iterator<Item = u64>| -> Option<String> {
            let (mut least, mut most) = (u64::MAX, 0);
            values.for_each(|bps| (least, most) = (least.min(bps), most.max(bps)));
            match () {
                () if most <= axis.top => None,
                () if least == most => Some(format!("{what} {}, off the scale", Rate(most))),
                () if least > axis.top => Some(format!("{what} {} to {}, off the scale", Rate(least), Rate(most))),
                () => Some(format!("{what} up to {}, partly off the scale", Rate(most))),
            }
        };
        let unlimited = match (capacity.iter().any(|s| s.value.is_none()), capacities().next().is_some()) {
            (false, _) => None,
            (true, false) => Some("capacity not limited".to_owned()),
            (true, true) => Some("capacity at times not limited".to_owned()),
        };
        let notes = [unlimited, off("capacity", &mut capacities()), off("estimate", &mut estimates())];
        let note = notes.into_iter().flatten().collect::<Vec<_>>().join("; ");
        Self { axis, note: (!note.is_empty()).then(|| format!("↑ {note}")), height_px }
    }

    /// The height of a rate on the plot, in the curves' coordinates.
    pub(super) fn y(&self, bps: u64) -> i64 {
        y(self.axis, bps, self.height_px)
    }
}

/// The height of a value on a plot `height_px` high, in the curves' coordinates.
pub(super) fn y(axis: Axis, value: u64, height_px: u64) -> i64 {
    if value > axis.top { OFF_SCALE } else { signed(axis.drop(value, height_px * FINE)) }
}

/// Opens a part of the drawing whose horizontal unit stretches with the window; its lines do not.
pub(super) fn open(ink: &mut Page, top_px: u64, height_px: u64) {
    put!(ink, "<svg class=\"curves\" x=\"0\" y=\"{top_px}\" width=\"100%\" height=\"{height_px}\" ");
    put!(ink, "viewBox=\"0 0 {} {}\" preserveAspectRatio=\"none\">", TimeAxis::UNITS, height_px * FINE);
}

/// A line through a series; `y` tells the height of each element, none where there is no value.
pub(super) fn line(series: &ViewerSeries, axis: TimeAxis, y: impl Fn(usize) -> Option<i64>) -> String {
    let mut path = Path::default();
    for at in 0..series.times_ns.len() {
        if !series.continues(at) {
            path.lift();
        }
        match y(at) {
            Some(y) => path.to(signed(axis.units(series.times_ns[at])), y),
            None => path.lift(),
        }
    }
    path.lift();
    path.d
}

/// The area between a series and the bottom of its plot.
pub(super) fn area(series: &ViewerSeries, axis: TimeAxis, height_px: u64, y: impl Fn(usize) -> i64) -> String {
    let bottom = signed(height_px * FINE);
    let mut path = Path::default();
    let mut last_x = 0;
    for at in 0..series.times_ns.len() {
        let x = signed(axis.units(series.times_ns[at]));
        if !series.continues(at) {
            path.to(last_x, bottom);
            path.lift();
            path.to(signed(axis.units(series.begin_ns(at))), bottom);
        }
        path.to(x, y(at));
        last_x = x;
    }
    path.to(last_x, bottom);
    path.lift();
    path.d
}

/// A capacity as a stepped line and as the area below it.
pub(super) fn steps(capacity: &[Stretch], axis: TimeAxis, height_px: u64, y: impl Fn(u64) -> i64) -> (String, String) {
    let bottom = signed(height_px * FINE);
    let (mut line, mut area) = (Path::default(), Path::default());
    for (at, stretch) in capacity.iter().enumerate() {
        let (from, to) = (signed(axis.units(stretch.from_ns)), signed(axis.units(stretch.to_ns)));
        let height = stretch.value.map_or(OFF_SCALE, &y);
        if at == 0 || capacity[at - 1].to_ns != stretch.from_ns {
            line.lift();
        }
        line.to(from, height);
        line.to(to, height);
        for (x, y) in [(from, bottom), (from, height), (to, height), (to, bottom)] {
            area.to(x, y);
        }
        area.lift();
    }
    line.lift();
    (line.d, area.d)
}

fn signed(length: u64) -> i64 {
    i64::try_from(length).expect("a plot is some thousand units wide and high")
}

/// A path being drawn. Points are written when the next one shows that they are needed.
#[derive(Debug, Default)]
struct Path {
    d: String,
    /// The last point that was written.
    written: Option<(i64, i64)>,
    /// The point after it, which the next one may make needless.
    pending: Option<(i64, i64)>,
}

impl Path {
    fn to(&mut self, x: i64, y: i64) {
        let Some(before) = self.written else {
            write!(self.d, "M{x} {y}").expect("a String takes any text");
            self.written = Some((x, y));
            return;
        };
        if let Some(pending) = self.pending {
            let on_a_line =
                (before.1 == pending.1 && pending.1 == y && x >= pending.0) || (before.0 == pending.0 && pending.0 == x && pending.1 == y);
            if !on_a_line {
                self.write_pending();
            }
        }
        self.pending = Some((x, y));
    }

    /// Ends the stroke: the next point begins another one.
    fn lift(&mut self) {
        self.write_pending();
        self.written = None;
    }

    fn write_pending(&mut self) {
        let (Some(pending), Some(before)) = (self.pending.take(), self.written) else {
            return;
        };
        let (dx, dy) = (pending.0 - before.0, pending.1 - before.1);
        if dy == 0 {
            write!(self.d, "h{dx}")
        } else if dx == 0 {
            write!(self.d, "v{dy}")
        } else {
            // A minus sign is separation enough.
            write!(self.d, "l{dx}{}{dy}", if dy < 0 { "" } else { " " })
        }
        .expect("a String takes any text");
        self.written = Some(pending);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_keeps_every_corner_and_drops_what_lies_on_a_level_line() {
        let mut path = Path::default();
        for (x, y) in [(0, 5), (1, 5), (2, 5), (3, 2), (3, 9)] {
            path.to(x, y);
        }
        path.lift();
        path.to(7, 7);
        path.to(8, 7);
        path.lift();
        assert_eq!(path.d, "M0 5h2l1-3v7M7 7h1");
    }

    #[test]
    fn capacity_steps_at_once_and_its_area_stands_on_the_ground() {
        let capacity = [Stretch { value: Some(2), from_ns: 0, to_ns: 5_000 }, Stretch { value: Some(1), from_ns: 5_000, to_ns: 10_000 }];
        let (line, area) = steps(&capacity, TimeAxis::until(10_000), 10, |bps| 100 - 10 * signed(bps));
        assert_eq!(line, "M0 80h5000v10h5000");
        assert_eq!(area, "M0 100v-20h5000v20M5000 100v-10h5000v10");
    }
}
