//! Loss on the way: each packet for itself, in bursts, or as recorded chains do it.
//!
//! | model | chance of loss | mean run of losses |
//! |---|---|---|
//! | independent, `p` | `p` | `1 / (1 − p)` |
//! | correlated, `p` and `ρ` | `p`, whatever `ρ` | `1 / ((1 − p)(1 − ρ))` |
//! | Gilbert, `p` into the bad state and `r` out of it | `p / (p + r)` | `1 / r` |
//! | Gilbert–Elliott, with losses `k` in the good and `h` in the bad | `(r k + p h) / (p + r)` | `L / (L − both)`, see below |
//! | four states | `π₁ (p₁₃ / p₃₁ + p₁₄)` | |
//!
//! *Gilbert–Elliott*: Gilbert 1960 and Elliott 1963, Bell System Technical Journal. With `πG = r / (p + r)` and `πB = p / (p + r)`, two losses in a row have the chance
//! `both = πG k ((1 − p) k + p h) + πB h (r k + (1 − r) h)`.
//!
//! *Four states*: Salsano, Ludovici, Ordine, Giannuzzi, "Definition of a general and intuitive loss model for packet networks", 2012, known from netem's `loss state`: 1 receives, 3 loses
//! in a burst, 2 receives within a burst, 4 is a single loss. `π₁ = 1 / (1 + p₁₄ + p₁₃ / p₃₁ + p₁₃ p₃₂ / (p₃₁ p₂₃))`.
//!
//! *Correlated*: netem blends each random number with the one before, which narrows their spread: 5 % with a correlation of 0.25 become 0.18 %. Here losses themselves are correlated,
//! by a chain of two states with the chances `p (1 − ρ)` into loss and `(1 − p)(1 − ρ)` out of it: neighbours have the correlation `ρ`, and the rate stays what was asked for.
//!
//! A chain makes one step for each packet that is offered and begins in its stationary state: a link does not begin its life with the run.

use crate::random::{CERTAIN_PPB, Stream};

/// How packets are lost. Chances are in parts per billion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Loss {
    /// Not at all.
    #[default]
    None,
    /// Each packet for itself.
    Independent {
        /// The chance of a packet to be lost.
        loss_ppb: u32,
    },
    /// Losses attract losses, and the rate stays.
    Correlated {
        /// The chance of a packet to be lost.
        loss_ppb: u32,
        /// The correlation of neighbours.
        correlation_ppb: u32,
    },
    /// A good state without loss, a bad one in which everything is lost.
    Gilbert {
        /// The chance to go from good to bad, each packet.
        enter_ppb: u32,
        /// The chance to go from bad to good, each packet.
        leave_ppb: u32,
    },
    /// Gilbert's states with a chance of loss in each.
    GilbertElliott {
        /// The chance to go from good to bad, each packet.
        enter_ppb: u32,
        /// The chance to go from bad to good, each packet.
        leave_ppb: u32,
        /// The chance of loss in the good state.
        good_loss_ppb: u32,
        /// The chance of loss in the bad state.
        bad_loss_ppb: u32,
    },
    /// Four states; see the [module](self).
    FourState {
        /// From receiving to a burst.
        p13_ppb: u32,
        /// From a loss in a burst to receiving: the burst ends.
        p31_ppb: u32,
        /// From a loss in a burst to receiving within it.
        p32_ppb: u32,
        /// From receiving within a burst to loss.
        p23_ppb: u32,
        /// From receiving to a single loss.
        p14_ppb: u32,
    },
}

/// A chance that cannot be, or two that do not go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LossError {
    /// A chance is above certainty.
    #[error("{name} is above 1; expected a chance from 0 to 1")]
    AboveOne {
        /// Which.
        name: &'static str,
    },
    /// Two ways out of one state are together above certainty.
    #[error("{one} and {other} are together above 1; they are two ways out of one state")]
    Together {
        /// One.
        one: &'static str,
        /// The other.
        other: &'static str,
    },
}

impl Loss {
    /// Each packet for itself, with that chance in parts per billion.
    pub const fn independent(loss_ppb: u32) -> Self {
        Self::Independent { loss_ppb }
    }

    /// Whether every chance is one, and chances out of one state are together at most one.
    pub fn check(self) -> Result<(), LossError> {
        let each = |chances: &[(&'static str, u32)]| match chances.iter().find(|(_, ppb)| *ppb > CERTAIN_PPB) {
            Some((name, _)) => Err(LossError::AboveOne { name }),
            None => Ok(()),
        };
        let together = |(one, a): (&'static str, u32), (other, b): (&'static str, u32)| {
            if u64::from(a) + u64::from(b) > u64::from(CERTAIN_PPB) { Err(LossError::Together { one, other }) } else { Ok(()) }
        };
        match self {
            Self::None => Ok(()),
            Self::Independent { loss_ppb } => each(&[("p", loss_ppb)]),
            Self::Correlated { loss_ppb, correlation_ppb } => each(&[("p", loss_ppb), ("correlation", correlation_ppb)]),
            Self::Gilbert { enter_ppb, leave_ppb } => each(&[("p", enter_ppb), ("r", leave_ppb)]),
            Self::GilbertElliott { enter_ppb, leave_ppb, good_loss_ppb, bad_loss_ppb } => {
                each(&[("p", enter_ppb), ("r", leave_ppb), ("k", good_loss_ppb), ("h", bad_loss_ppb)])
            }
            Self::FourState { p13_ppb, p31_ppb, p32_ppb, p23_ppb, p14_ppb } => {
                each(&[("p13", p13_ppb), ("p31", p31_ppb), ("p32", p32_ppb), ("p23", p23_ppb), ("p14", p14_ppb)])?;
                together(("p13", p13_ppb), ("p14", p14_ppb))?;
                together(("p31", p31_ppb), ("p32", p32_ppb))
            }
        }
    }

    /// The share of packets that is lost in the long run: the closed form.
    pub fn rate(self) -> f64 {
        let share = |ppb: u32| f64::from(ppb) / f64::from(CERTAIN_PPB);
        match self {
            Self::None => 0.0,
            Self::Independent { loss_ppb } | Self::Correlated { loss_ppb, .. } => share(loss_ppb),
            Self::Gilbert { enter_ppb, leave_ppb } => of(share(enter_ppb), share(enter_ppb) + share(leave_ppb)),
            Self::GilbertElliott { enter_ppb, leave_ppb, good_loss_ppb, bad_loss_ppb } => {
                let bad = of(share(enter_ppb), share(enter_ppb) + share(leave_ppb));
                (1.0 - bad) * share(good_loss_ppb) + bad * share(bad_loss_ppb)
            }
            Self::FourState { .. } => {
                let [_, _, burst, single] = self.stationary();
                burst + single
            }
        }
    }

    /// The shares of time in each state in the long run: of the four, or of the two (the rest is zero). Where a chain can be caught in a state, that from which it cannot leave.
    fn stationary(self) -> [f64; 4] {
        let share = |ppb: u32| f64::from(ppb) / f64::from(CERTAIN_PPB);
        match self {
            Self::None | Self::Independent { .. } => [1.0, 0.0, 0.0, 0.0],
            Self::Correlated { loss_ppb, .. } => [1.0 - share(loss_ppb), share(loss_ppb), 0.0, 0.0],
            Self::Gilbert { enter_ppb, leave_ppb } | Self::GilbertElliott { enter_ppb, leave_ppb, .. } => {
                let bad = of(share(enter_ppb), share(enter_ppb) + share(leave_ppb));
                [1.0 - bad, bad, 0.0, 0.0]
            }
            Self::FourState { p13_ppb, p31_ppb, p32_ppb, p23_ppb, p14_ppb } => {
                let [p13, p31, p32, p23, p14] = [p13_ppb, p31_ppb, p32_ppb, p23_ppb, p14_ppb].map(share);
                if p13 == 0.0 {
                    return [1.0 / (1.0 + p14), 0.0, 0.0, p14 / (1.0 + p14)];
                }
                if p32 > 0.0 && p23 == 0.0 {
                    return [0.0, 1.0, 0.0, 0.0];
                }
                if p31 == 0.0 {
                    let within = of(p32, p32 + p23);
                    return [0.0, within, 1.0 - within, 0.0];
                }
                let burst = p13 / p31;
                let within = if p32 == 0.0 { 0.0 } else { burst * p32 / p23 };
                let receiving = 1.0 / (1.0 + p14 + burst + within);
                [receiving, receiving * within, receiving * burst, receiving * p14]
            }
        }
    }
}

/// A part of a whole, nothing of nothing.
fn of(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

/// Loss as it happens, packet by packet.
#[derive(Clone, Debug)]
#[repr(C)]
pub(super) struct Process {
    model: Loss,
    /// The state of the chain: 0 good and 1 bad, or one less than its number.
    state: u8,
    stream: Stream,
}

impl Process {
    pub(super) fn new(model: Loss, mut stream: Stream) -> Self {
        let state = match model {
            Loss::None | Loss::Independent { .. } => 0,
            Loss::Correlated { .. } | Loss::Gilbert { .. } | Loss::GilbertElliott { .. } | Loss::FourState { .. } => {
                let draw = stream.unit();
                let mut below = 0.0;
                let shares = model.stationary();
                let state = shares.iter().position(|share| {
                    below += share;
                    draw < below
                });
                u8::try_from(state.unwrap_or(0)).expect("one of four")
            }
        };
        Self { model, state, stream }
    }

    /// Whether the next packet is lost.
    #[inline]
    pub(super) fn next(&mut self) -> bool {
        match self.model {
            Loss::None => false,
            Loss::Independent { loss_ppb } => loss_ppb > 0 && self.stream.chance(loss_ppb),
            Loss::Correlated { loss_ppb, correlation_ppb } => {
                let lost = self.state == 1;
                let free = u64::from(CERTAIN_PPB - correlation_ppb);
                let chance = |of_ppb: u32| u32::try_from(u64::from(of_ppb) * free / u64::from(CERTAIN_PPB)).expect("not above one");
                self.turn(chance(loss_ppb), chance(CERTAIN_PPB - loss_ppb));
                lost
            }
            Loss::Gilbert { enter_ppb, leave_ppb } => {
                let lost = self.state == 1;
                self.turn(enter_ppb, leave_ppb);
                lost
            }
            Loss::GilbertElliott { enter_ppb, leave_ppb, good_loss_ppb, bad_loss_ppb } => {
                let lost = self.stream.chance(if self.state == 1 { bad_loss_ppb } else { good_loss_ppb });
                self.turn(enter_ppb, leave_ppb);
                lost
            }
            Loss::FourState { p13_ppb, p31_ppb, p32_ppb, p23_ppb, p14_ppb } => {
                let lost = self.state >= 2;
                let draw = self.stream.below(CERTAIN_PPB.into());
                let (p13, p31, p32, p23, p14) =
                    (u64::from(p13_ppb), u64::from(p31_ppb), u64::from(p32_ppb), u64::from(p23_ppb), u64::from(p14_ppb));
                self.state = match self.state {
                    0 if draw < p13 => 2,
                    0 if draw < p13 + p14 => 3,
                    1 if draw < p23 => 2,
                    2 if draw < p31 => 0,
                    2 if draw < p31 + p32 => 1,
                    3 => 0,
                    stays => stays,
                };
                lost
            }
        }
    }

    /// A step of a chain of two states.
    fn turn(&mut self, enter_ppb: u32, leave_ppb: u32) {
        let changes = self.stream.chance(if self.state == 0 { enter_ppb } else { leave_ppb });
        self.state ^= u8::from(changes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_forms_are_those_of_the_literature() {
        let near = |loss: Loss, rate: f64| assert!((loss.rate() - rate).abs() < 1e-6, "{loss:?} has {}", loss.rate());
        near(Loss::Gilbert { enter_ppb: 10_000_000, leave_ppb: 250_000_000 }, 0.038_462);
        let elliott =
            Loss::GilbertElliott { enter_ppb: 20_000_000, leave_ppb: 200_000_000, good_loss_ppb: 1_000_000, bad_loss_ppb: 700_000_000 };
        near(elliott, 0.064_545);
        let four =
            Loss::FourState { p13_ppb: 10_000_000, p31_ppb: 200_000_000, p32_ppb: 300_000_000, p23_ppb: 500_000_000, p14_ppb: 5_000_000 };
        near(four, 0.050_691);
    }

    #[test]
    fn chains_that_are_caught_stay_where_they_are() {
        let losses = |model| {
            let mut process = Process::new(model, Stream::new(1, "link", "loss"));
            (0..1000).filter(|_| process.next()).count()
        };
        assert_eq!(losses(Loss::Gilbert { enter_ppb: 0, leave_ppb: 0 }), 0);
        assert_eq!(losses(Loss::Gilbert { enter_ppb: CERTAIN_PPB, leave_ppb: 0 }), 1000);
        assert_eq!(losses(Loss::Gilbert { enter_ppb: CERTAIN_PPB, leave_ppb: CERTAIN_PPB }), 500);
        assert_eq!(losses(Loss::FourState { p13_ppb: 0, p31_ppb: 0, p32_ppb: 0, p23_ppb: 0, p14_ppb: CERTAIN_PPB }), 500);
        assert_eq!(losses(Loss::FourState { p13_ppb: 1, p31_ppb: 0, p32_ppb: 0, p23_ppb: 0, p14_ppb: 0 }), 1000);
        assert!([0, 1000].contains(&losses(Loss::Correlated { loss_ppb: 500_000_000, correlation_ppb: CERTAIN_PPB })));
    }

    #[test]
    fn chances_that_cannot_be_are_named() {
        let refused = |loss: Loss| loss.check().expect_err("refused").to_string();
        assert_eq!(refused(Loss::independent(CERTAIN_PPB + 1)), "p is above 1; expected a chance from 0 to 1");
        let both = Loss::FourState { p13_ppb: CERTAIN_PPB, p31_ppb: 0, p32_ppb: 0, p23_ppb: 0, p14_ppb: 1 };
        assert_eq!(refused(both), "p13 and p14 are together above 1; they are two ways out of one state");
        assert_eq!(Loss::independent(CERTAIN_PPB).check(), Ok(()));
    }
}
