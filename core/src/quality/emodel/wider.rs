//! G.107.1 (wideband) and G.107.2 (fullband): the E-model for better telephones, on scales of their own.
//!
//! What is offered is a codec under loss (clause 7.5), the absolute delay (7.4, `Idd`), and the advantage factor (7.6). What is left out, and why:
//!
//! | term | clause | |
//! |---|---|---|
//! | `Ro`: noise in circuits and rooms | 7.2 | not covered by G.107.1 (06/2019) itself, whose scope lists background noise at both sides and circuit noise as "not yet covered": `Ro,WB` is the constant 129. (The edition of 06/2015 had terms for it.) G.107.2 has the constant 148 |
//! | `Is`: loudness, sidetone, quantizing | 7.3 | likewise not covered: none |
//! | `Idte`, `Idle`: talker and listener echo | 7.4 | covered, and **not offered here**: their formulas are not in any text that could be had, and are not those of G.107 with other constants, so that none are guessed. Rate calls without echo |
//!
//! A call with echo is rated by the narrowband model, which has both terms, on its own scale.

use super::{Equipment, mos, pure_delay};

/// A wideband call, 50–7000 Hz. The figures of codecs are those of G.113 for wideband (`Ie,WB`, `Bpl,WB`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wideband {
    /// The codec under loss (clause 7.5).
    pub equipment: Equipment,
    /// `Ta`: absolute one-way delay, ms (clause 7.4).
    pub one_way_ms: f64,
    /// `A`: the advantage factor (clause 7.6).
    pub advantage: f64,
}

/// A fullband call, 20–20,000 Hz. The figures of codecs are those of G.113 for fullband (`Ie,FB`, `Bpl,FB`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fullband {
    /// The codec under loss (clause 7.5).
    pub equipment: Equipment,
    /// `Ta`: absolute one-way delay, ms (clause 7.4).
    pub one_way_ms: f64,
    /// `A`: the advantage factor (clause 7.6).
    pub advantage: f64,
}

/// What one of them rates as.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rating {
    /// What codec and loss cost.
    pub equipment: f64,
    /// What the delay costs.
    pub delay: f64,
    /// The transmission rating on the scale of that band.
    pub r: f64,
    /// The mean opinion score for it, on that band's own scale: 4.5 here is not 4.5 there.
    pub mos: f64,
}

/// One band's scale.
struct Scale {
    /// R of a call with nothing wrong (clause 7.7).
    best: f64,
    /// What loss can cost at most (clause 7.5).
    range: f64,
    /// R is divided by this before Annex A maps it to a score.
    stretch: f64,
}

/// The wideband scale goes to 129: that is how much better than narrowband listeners found it.
const WIDEBAND: Scale = Scale { best: 129.0, range: 95.0, stretch: 1.29 };
/// And the fullband scale to 148; loss can cost more of it than of the others.
const FULLBAND: Scale = Scale { best: 148.0, range: 132.0, stretch: 1.48 };

impl Default for Wideband {
    fn default() -> Self {
        Self { equipment: Equipment::CLEAR, one_way_ms: 0.0, advantage: 0.0 }
    }
}

impl Default for Fullband {
    fn default() -> Self {
        Self { equipment: Equipment::CLEAR, one_way_ms: 0.0, advantage: 0.0 }
    }
}

impl Wideband {
    /// Rates a call on the wideband scale.
    pub fn rate(&self) -> Rating {
        WIDEBAND.rate(self.equipment, self.one_way_ms, self.advantage)
    }
}

impl Fullband {
    /// Rates a call on the fullband scale.
    pub fn rate(&self) -> Rating {
        FULLBAND.rate(self.equipment, self.one_way_ms, self.advantage)
    }
}

impl Scale {
    fn rate(&self, equipment: Equipment, one_way_ms: f64, advantage: f64) -> Rating {
        let (equipment, delay) = (equipment.effective(self.range), pure_delay(one_way_ms, 1.0, 100.0));
        let r = self.best - delay - equipment + advantage;
        Rating { equipment, delay, r, mos: mos(r / self.stretch) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scale_ends_where_its_recommendation_says() {
        let (wide, full) = (Wideband::default().rate(), Fullband::default().rate());
        assert!((wide.r - 129.0).abs() < f64::EPSILON && (full.r - 148.0).abs() < f64::EPSILON);
        assert!((wide.mos - 4.5).abs() < f64::EPSILON && (full.mos - 4.5).abs() < f64::EPSILON, "nothing wrong is 4.5 on each");
    }

    #[test]
    fn loss_and_delay_cost_on_every_scale() {
        let lossy = Equipment { loss_pct: 5.0, ..Equipment::CLEAR };
        assert!(Wideband { equipment: lossy, ..Wideband::default() }.rate().mos < 4.0);
        assert!(Fullband { equipment: lossy, ..Fullband::default() }.rate().mos < 4.0);
        assert!(Wideband { one_way_ms: 300.0, ..Wideband::default() }.rate().r < 120.0);
        assert!(Fullband { one_way_ms: 300.0, ..Fullband::default() }.rate().r < 140.0);
    }
}
