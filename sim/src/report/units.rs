//! Quantities as people read them, and the axes they are drawn on. Integers throughout, so that a record has one report.

use core::fmt;

use greenroom_core::quality::Share;

/// A rate: `600 kbps`, `2.5 Mbps`. Three digits at most, because a plot cannot show more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rate(pub(super) u64);

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 4] = ["bps", "kbps", "Mbps", "Gbps"];
        if self.0 == 0 {
            return f.write_str("0");
        }
        let mut unit: u64 = 1;
        let mut name = 0;
        // 999.5 of a unit reads as 1 of the next one.
        while name + 1 < NAMES.len() && self.0 >= unit * 1000 - unit / 2 {
            unit *= 1000;
            name += 1;
        }
        let decimals: u32 = match self.0 / unit {
            _ if name < 2 => 0,
            0..=9 => 2,
            10..=99 => 1,
            _ => 0,
        };
        let scale = 10_u64.pow(decimals);
        let scaled = (u128::from(self.0) * u128::from(scale) + u128::from(unit / 2)) / u128::from(unit);
        write!(f, "{}\u{a0}{}", Decimal { value: scaled, decimals }, NAMES[name])
    }
}

/// A fixed-point number without trailing zeros.
struct Decimal {
    value: u128,
    decimals: u32,
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = 10_u128.pow(self.decimals);
        let (whole, mut part, mut digits) = (self.value / scale, self.value % scale, self.decimals as usize);
        while digits > 0 && part % 10 == 0 {
            part /= 10;
            digits -= 1;
        }
        write!(f, "{whole}")?;
        if digits > 0 {
            write!(f, ".{part:0digits$}")?;
        }
        Ok(())
    }
}

/// A point in time for a sentence: `20.8 s`, to a tenth.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seconds(pub(super) u64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = (u128::from(self.0) + 50_000_000) / 100_000_000;
        write!(f, "{}\u{a0}s", Decimal { value: tenths, decimals: 1 })
    }
}

/// A point in time for a table: `20.812`, to a millisecond, always with its zeros so that a column aligns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Millis(pub(super) u64);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1_000_000_000, self.0 / 1_000_000 % 1000)
    }
}

/// A length of time given in milliseconds: `420 ms`, `2.1 s`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span(pub(super) u64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0..1000 => write!(f, "{}\u{a0}ms", self.0),
            _ => Seconds(self.0.saturating_mul(1_000_000)).fmt(f),
        }
    }
}

/// A share of a whole: `3.2 %`, to a tenth.
#[derive(Clone, Copy, Debug)]
pub(super) struct Percentage(pub(super) Share);

impl fmt::Display for Percentage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = (u128::from(self.0.billionths()) + 500_000) / 1_000_000;
        write!(f, "{}\u{a0}%", Decimal { value: tenths, decimals: 1 })
    }
}

/// A count with its thousands set apart by thin spaces.
#[derive(Clone, Copy, Debug)]
pub(super) struct Count(pub(super) u64);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                f.write_str("\u{202f}")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

/// `1 switch`, `3 switches`.
pub(super) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{} {}", Count(count as u64), if count == 1 { one } else { many })
}

/// The horizontal axis: the whole run, from 0 to its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimeAxis {
    /// The end of the run, in nanoseconds; never 0.
    pub(super) end_ns: u64,
}

/// A place or a width along the time axis, in thousandths of a per cent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Percent(pub(super) u64);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", Decimal { value: self.0.into(), decimals: 3 })
    }
}

impl TimeAxis {
    /// Width of the plot in the curves' own coordinates. A 60 s run has a sample every 16 of these; a screen shows about one pixel for ten.
    pub(super) const UNITS: u64 = 10_000;

    /// An axis that ends there.
    pub(super) fn until(end_ns: u64) -> Self {
        Self { end_ns: end_ns.max(1) }
    }

    fn share(self, at_ns: u64, of: u64) -> u64 {
        let share = u128::from(at_ns.min(self.end_ns)) * u128::from(of) / u128::from(self.end_ns);
        u64::try_from(share).expect("a share is no larger than the whole")
    }

    /// Where a time lies.
    pub(super) fn percent(self, at_ns: u64) -> Percent {
        Percent(self.share(at_ns, 100_000))
    }

    /// How wide a stretch of time is.
    pub(super) fn width(self, from_ns: u64, to_ns: u64) -> Percent {
        Percent(self.percent(to_ns).0.saturating_sub(self.percent(from_ns).0))
    }

    /// Where a time lies, in the curves' coordinates.
    pub(super) fn units(self, at_ns: u64) -> u64 {
        self.share(at_ns, Self::UNITS)
    }

    /// Where a time lies on the narrowest plot we draw, in pixels. Labels that keep clear of each other here do so everywhere.
    pub(super) fn pixels(self, at_ns: u64, plot_width_px: u64) -> u64 {
        self.share(at_ns, plot_width_px)
    }

    /// Times to label: round ones, at most 12 steps.
    pub(super) fn ticks(self) -> Vec<u64> {
        const STEPS_MS: [u64; 16] =
            [10, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000];
        let chosen_ms = STEPS_MS.into_iter().find(|step| self.end_ns / (step * 1_000_000) <= 12).unwrap_or_else(|| {
            // Beyond six hours: whole hours, as many as it takes.
            (self.end_ns / 12 / 3_600_000_000_000 + 1) * 3_600_000
        });
        let step_ns = chosen_ms * 1_000_000;
        (0..=self.end_ns / step_ns).map(|n| n * step_ns).collect()
    }
}

/// A vertical axis from 0 to a round top.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Axis {
    /// The value at the top; never 0.
    pub(super) top: u64,
    /// The distance between labelled values.
    pub(super) step: u64,
}

impl Axis {
    /// The largest value an axis is made for: a petabit per second, which keeps the arithmetic within its type. What lies beyond is off the scale.
    const MOST: u64 = 1_000_000_000_000_000;

    /// The smallest round axis that holds `max`, in at most four steps.
    pub(super) fn holding(max: u64) -> Self {
        let max = max.clamp(1, Self::MOST);
        let mut decade: u64 = 1;
        loop {
            for step in [decade, decade * 2, decade * 5] {
                if max.div_ceil(step) <= 4 {
                    return Self { top: max.div_ceil(step) * step, step };
                }
            }
            decade *= 10;
        }
    }

    /// How far below the top a value lies, on an axis `height` long. Values beyond the top come out as 0.
    pub(super) fn drop(self, value: u64, height: u64) -> u64 {
        let rise = u128::from(value.min(self.top)) * u128::from(height) / u128::from(self.top);
        height - u64::try_from(rise).expect("a share is no larger than the whole")
    }

    /// The values to label, lowest first.
    pub(super) fn ticks(self) -> impl Iterator<Item = u64> {
        (0..=self.top / self.step).map(move |n| n * self.step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_have_three_digits_and_the_unit_that_fits() {
        let read = |bps| Rate(bps).to_string().replace('\u{a0}', " ");
        assert_eq!(read(0), "0");
        assert_eq!(read(999), "999 bps");
        assert_eq!(read(600_000), "600 kbps");
        assert_eq!(read(999_499), "999 kbps");
        assert_eq!(read(999_500), "1 Mbps");
        assert_eq!(read(2_500_000), "2.5 Mbps");
        assert_eq!(read(1_846_000), "1.85 Mbps");
        assert_eq!(read(100_000_000), "100 Mbps");
        assert_eq!(read(u64::MAX), "18446744074 Gbps");
    }

    #[test]
    fn times_and_counts_read_as_people_write_them() {
        assert_eq!(Seconds(20_000_000_000).to_string(), "20\u{a0}s");
        assert_eq!(Seconds(20_849_999_999).to_string(), "20.8\u{a0}s");
        assert_eq!(Millis(20_812_345_678).to_string(), "20.812");
        assert_eq!(Span(420).to_string(), "420\u{a0}ms");
        assert_eq!(Span(2_100).to_string(), "2.1\u{a0}s");
        assert_eq!(Count(1_234_567).to_string(), "1\u{202f}234\u{202f}567");
    }

    #[test]
    fn axes_end_at_a_round_value_that_holds_the_largest_one() {
        assert_eq!(Axis::holding(1_900_000), Axis { top: 2_000_000, step: 500_000 });
        assert_eq!(Axis::holding(2_500_000), Axis { top: 3_000_000, step: 1_000_000 });
        assert_eq!(Axis::holding(0), Axis { top: 1, step: 1 });
        assert_eq!(Axis::holding(u64::MAX), Axis::holding(Axis::MOST));
        assert_eq!(Axis::holding(100).drop(250, 160), 0);
        assert_eq!(Axis::holding(100).drop(0, 160), 160);
    }

    #[test]
    fn the_time_axis_has_round_ticks_whatever_the_length() {
        assert_eq!(TimeAxis::until(60_000_000_000).ticks().len(), 13);
        assert_eq!(TimeAxis::until(60_000_000_000).percent(20_000_000_000).to_string(), "33.333%");
        for end_ns in [0, 1, 1_000_000, 90_000_000_000, 7_200_000_000_000, u64::MAX] {
            let ticks = TimeAxis::until(end_ns).ticks();
            assert!((1..=14).contains(&ticks.len()), "{end_ns}: {} ticks", ticks.len());
        }
    }
}
