//! Who is better: by the differences between runs of one scene with one seed, which differ in the rule alone.
//!
//! Such differences have a mean, and the mean a standard error. What is within two of them of nothing is even; what is beyond is better or worse.

use super::{Reading, Results};

/// What rules are judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Delivered video: more is better.
    Delivered,
    /// Time without new pictures: less is better.
    Still,
}

/// Ours against another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Ours is better.
    Better,
    /// No difference that could not be chance.
    Even,
    /// Ours is worse.
    Worse,
}

impl Outcome {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Even => "even",
            Self::Worse => "worse",
        }
    }
}

/// One comparison.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Duel {
    /// The scene's place in the settings.
    pub scene: usize,
    /// The other rule's.
    pub rival: usize,
    /// What is compared.
    pub measure: Measure,
    /// Mean difference: how much better ours is, in the measure's own unit.
    pub gain: f64,
    /// Its standard error; nothing with one seed, where every difference counts.
    pub error: f64,
}

impl Duel {
    /// Who won.
    pub fn outcome(&self) -> Outcome {
        match self.gain {
            gain if gain.abs() <= 2.0 * self.error || gain == 0.0 => Outcome::Even,
            gain if gain > 0.0 => Outcome::Better,
            _ => Outcome::Worse,
        }
    }
}

/// Ours, the first of the rules, against each other one, on each scene, by each measure.
pub fn duels(results: &Results) -> Vec<Duel> {
    let mut duels = Vec::new();
    for (scene, by_policy) in results.readings.iter().enumerate() {
        let Some((ours, rivals)) = by_policy.split_first() else { continue };
        for (rival, theirs) in (1..).zip(rivals) {
            for measure in [Measure::Delivered, Measure::Still] {
                let gains: Vec<f64> = ours.iter().zip(theirs).map(|(ours, theirs)| gain(measure, ours, theirs)).collect();
                let (gain, error) = mean_and_error(&gains);
                duels.push(Duel { scene, rival, measure, gain, error });
            }
        }
    }
    duels
}

fn gain(measure: Measure, ours: &Reading, theirs: &Reading) -> f64 {
    match measure {
        Measure::Delivered => ours.delivered - theirs.delivered,
        Measure::Still => theirs.still_ms - ours.still_ms,
    }
}

#[expect(clippy::cast_precision_loss, reason = "a count of seeds")]
fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    if values.len() < 2 {
        return (mean, 0.0);
    }
    let variance = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / (count - 1.0);
    (mean, libm::sqrt(variance / count))
}

/// What is to be reached, what came, and whether that is enough.
pub fn goals(results: &Results) -> Vec<(&'static str, String, bool)> {
    let duels = duels(results);
    let told = |duel: &Duel| {
        let (scene, rival) = (results.settings.scenes[duel.scene].name, results.settings.policies[duel.rival].name());
        match duel.measure {
            Measure::Delivered => format!("{scene}: {:.2} points less delivered than {rival}", -100.0 * duel.gain),
            Measure::Still => format!("{scene}: {:.0} ms a minute longer still than {rival}", -duel.gain),
        }
    };
    let worse: Vec<String> = duels.iter().filter(|duel| duel.outcome() == Outcome::Worse).map(told).collect();
    let scenes = results.settings.scenes.len();
    // Better on a scene: than each of the others in one measure at least.
    let is_better = |scene: usize| {
        let on_scene = || duels.iter().filter(|duel| duel.scene == scene);
        let wins = |rival: usize| on_scene().any(|duel| duel.rival == rival && duel.outcome() == Outcome::Better);
        on_scene().count() > 0 && on_scene().all(|duel| wins(duel.rival))
    };
    let better = (0..scenes).filter(|scene| is_better(*scene)).count();
    vec![
        (
            "not worse than any other rule on any scene",
            if worse.is_empty() { format!("{} comparisons, none lost", duels.len()) } else { worse.join("; ") },
            worse.is_empty(),
        ),
        ("better than every other rule, in one measure at least, on most scenes", format!("{better} of {scenes}"), 2 * better > scenes),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_within_two_standard_errors_is_none() {
        let duel = |gains: &[f64]| {
            let (gain, error) = mean_and_error(gains);
            Duel { scene: 0, rival: 1, measure: Measure::Still, gain, error }.outcome()
        };
        assert_eq!(duel(&[1.0, -1.0, 2.0, -1.5]), Outcome::Even);
        assert_eq!(duel(&[0.0, 0.0]), Outcome::Even);
        assert_eq!(duel(&[1.0, 1.1, 0.9, 1.0]), Outcome::Better);
        assert_eq!(duel(&[-1.0, -1.1, -0.9, -1.0]), Outcome::Worse);
        assert_eq!(duel(&[-0.1]), Outcome::Worse, "with one seed every difference counts");
    }

    #[test]
    fn the_mean_and_its_standard_error() {
        let (mean, error) = mean_and_error(&[2.0, 4.0, 4.0, 6.0]);
        assert!((mean - 4.0).abs() < 1e-12 && (error - libm::sqrt(8.0 / 3.0 / 4.0)).abs() < 1e-12);
    }
}
