//! The E-model of ITU-T G.107, as pure functions: how good a telephone conversation is, from delay, loss, noise, echo and codec.
//!
//! The model adds up impairments on a scale R, where 0 is hopeless and 100 is as good as a narrowband call gets, and maps R to the mean opinion score (MOS) that a panel of listeners would
//! give. It is a planning tool: it knows averages and no single call. There are three scales, which must never be mixed:
//!
//! | function | recommendation | band | best R |
//! |---|---|---|---|
//! | [`Narrowband::rate`] | G.107 (06/2015), in full | 300–3400 Hz | 93.2 by default, 100 at most |
//! | [`simplified`] | its common shortcut for packet networks: delay and loss alone | 300–3400 Hz | 93.2 |
//! | [`Wideband::rate`] | G.107.1 (06/2019) | 50–7000 Hz | 129 |
//! | [`Fullband::rate`] | G.107.2 (06/2019, 03/2023) | 20–20,000 Hz | 148 |
//!
//! # What there are no figures for
//!
//! A codec enters by two numbers: `Ie`, what its coding costs, and `Bpl`, how well it bears loss. G.113 and its amendments list them for codecs that were measured in listening tests. **Opus is not
//! among them**: every `Ie` or `Bpl` for Opus that circulates is somebody's own guess, and none is offered here. Nor does the scorer of [`quality`](super) claim to compute an ITU figure: it
//! borrows the shape of two terms.
//!
//! # Below R = 6.5
//!
//! The polynomial of G.107 Annex B dips below 1 between R = 0 and R = 6.5 (to 0.989), although nobody can give less than 1. Printed as it stands, a worse connection would score better there.
//! [`mos`] keeps to 1, and so never falls as R rises; [`mos_as_printed`] is the formula to the letter.
//!
//! Logarithms and powers are those of `libm`, so that results are equal on every platform.

mod narrowband;
mod wider;

pub use self::{
    narrowband::{Narrowband, PARAMETERS, Parameter, Parts},
    wider::{Fullband, Rating, Wideband},
};

/// R of a narrowband call with nothing wrong but what every call has: the default set of G.107, rounded as the recommendation itself does (clause 7.7).
pub const R_DEFAULT: f64 = 93.2;

/// The mean opinion score that belongs to a transmission rating, from 1 to 4.5 (G.107 Annex B, formula B-4), and at least 1: see the [module](self). Never falls as `r` rises. What is no
/// number counts as 0.
pub fn mos(r: f64) -> f64 {
    let printed = mos_as_printed(r);
    if printed > 1.0 { printed } else { 1.0 }
}

/// The same to the letter: between 0 and 6.5 it is a little below 1.
pub fn mos_as_printed(r: f64) -> f64 {
    if r >= 100.0 {
        4.5
    } else if r > 0.0 {
        1.0 + 0.035 * r + 7e-6 * r * (r - 60.0) * (100.0 - r)
    } else {
        1.0
    }
}

/// What [`simplified`] says, term by term.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Simplified {
    /// What the delay costs.
    pub delay: f64,
    /// What codec and loss cost.
    pub equipment: f64,
    /// The transmission rating that is left of [`R_DEFAULT`].
    pub r: f64,
}

/// The E-model where nothing is known but mouth-to-ear delay, loss and codec: R = 93.2 − Id − Ie,eff, with Id = 0.024 d + 0.11 (d − 177.3) beyond 177.3 ms (R. G. Cole, J. H. Rosenbluth, "Voice over IP
/// performance monitoring", SIGCOMM Computer Communication Review 31(2), 2001).
///
/// The fit is at most 0.9 away from the full model up to 300 ms, at the kink; beyond, it is pessimistic (at 400 ms by 3). Negative or infinite arguments count as the nearest that makes sense, and what
/// is no number as 0.
pub fn simplified(one_way_ms: f64, equipment: Equipment) -> Simplified {
    let d = within(one_way_ms, 0.0, 1e9);
    let delay = 0.024 * d + 0.11 * (d - 177.3).max(0.0);
    let equipment = equipment.effective(NARROWBAND_RANGE);
    Simplified { delay, equipment, r: R_DEFAULT - delay - equipment }
}

/// A codec under loss: what clause 7.5 of each of the three recommendations asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Equipment {
    /// `Ie`: what coding costs without loss, in points of R.
    pub impairment: f64,
    /// `Bpl`: how well the codec bears loss, in per cent: at this loss, half of what can be lost is.
    pub robustness_pct: f64,
    /// `Ppl`: packets lost, in per cent.
    pub loss_pct: f64,
    /// `BurstR`: how much longer runs of lost packets are than they would be by chance.
    pub burst_ratio: f64,
}

/// What loss can cost at most, on the narrowband scale (G.107 clause 7.5).
const NARROWBAND_RANGE: f64 = 95.0;

impl Equipment {
    /// No impairment by coding, and G.711's robustness without concealment (G.113: `Bpl` 4.3, the default of G.107).
    pub const CLEAR: Self = Self { impairment: 0.0, robustness_pct: 4.3, loss_pct: 0.0, burst_ratio: 1.0 };

    /// `Ie,eff` = Ie + (range − Ie) · Ppl / (Ppl/BurstR + Bpl), clause 7.5. An `Ie` above the range would turn the term around, so that loss improved the call: there, loss costs nothing more.
    fn effective(&self, range: f64) -> f64 {
        let (impairment, loss) = (within(self.impairment, 0.0, 1e9), within(self.loss_pct, 0.0, 100.0));
        let (robustness, burst) = (within(self.robustness_pct, f64::MIN_POSITIVE, 1e9), within(self.burst_ratio, f64::MIN_POSITIVE, 1e9));
        impairment + (range - impairment).max(0.0) * loss / (loss / burst + robustness)
    }
}

/// `value`, not below `least` nor above `most`. What is no number is `least`.
fn within(value: f64, least: f64, most: f64) -> f64 {
    // `max` and `min` return the other argument where one is no number.
    value.max(least).min(most)
}

/// `Idd`: what a long one-way delay costs although no echo is heard, G.107 clause 7.4. `sensitivity` and `least_ms` are its sT and mT.
fn pure_delay(one_way_ms: f64, sensitivity: f64, least_ms: f64) -> f64 {
    if one_way_ms <= least_ms {
        return 0.0;
    }
    let (x, six) = (libm::log2(one_way_ms / least_ms), 6.0 * sensitivity);
    let bend = |x: f64| libm::pow(1.0 + libm::pow(x, six), 1.0 / six);
    // Just above the threshold the difference of the roots is rounding noise, which may be negative.
    (25.0 * (bend(x) - 3.0 * bend(x / 3.0) + 2.0)).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_better_rating_never_scores_less() {
        let mut last = 0.0;
        for r in (-100..2000).map(|tenths| f64::from(tenths) / 10.0) {
            let score = mos(r);
            assert!(score >= last && (1.0..=4.5).contains(&score), "{r}: {score} after {last}");
            last = score;
        }
        assert!(mos_as_printed(3.0) < 1.0, "the printed formula has a dip there, or the clamp would be idle");
        assert!((mos_as_printed(3.2) - 0.989).abs() < 5e-4, "{}", mos_as_printed(3.2));
    }

    #[test]
    fn what_is_no_number_is_as_bad_as_can_be() {
        assert!((mos(f64::NAN) - 1.0).abs() < f64::EPSILON);
        let lossy = Equipment { loss_pct: f64::NAN, ..Equipment::CLEAR };
        for (ms, equipment) in [(f64::NAN, Equipment::CLEAR), (-1.0, lossy), (f64::INFINITY, Equipment { robustness_pct: 0.0, ..lossy })] {
            assert!(simplified(ms, equipment).r.is_finite());
        }
    }

    #[test]
    fn a_codec_beyond_the_range_does_not_make_loss_an_improvement() {
        let bad = Equipment { impairment: 120.0, ..Equipment::CLEAR };
        let lossy = Equipment { loss_pct: 10.0, ..bad };
        assert!(simplified(0.0, lossy).r <= simplified(0.0, bad).r);
    }

    // The table beside B.1 of G.107: 90, 80, 70, 60 and 50 are 4.34, 4.03, 3.60, 3.10 and 2.58, in the recommendation's rounding.
    #[test]
    fn the_marks_of_the_recommendation_are_met() {
        for (r, score) in [(90.0, 4.34), (80.0, 4.03), (70.0, 3.60), (60.0, 3.10), (50.0, 2.58)] {
            assert!((mos(r) - score).abs() < 0.0065, "{r}: {}", mos(r));
        }
    }
}
