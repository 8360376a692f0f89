//! What commands have in common that run many simulations: which seeds, how many at a time, how far they are, and what was missed.

use core::{fmt::Display, ops::Range};

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Exit, complain};
use crate::spread::at_a_time;

/// How many at a time.
#[derive(Debug, Args)]
pub(super) struct JobsArgument {
    /// How many simulations go on at a time [default: as many as there are processors]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
}

impl JobsArgument {
    pub(super) fn count(&self) -> usize {
        at_a_time(self.jobs)
    }
}

/// The most seeds of a command, each of which is a simulation: a choice, days of the shortest ones. What is asked for beyond it is a slip, and would take all memory for the list of what is to be done.
const SEEDS_MAX: u64 = 1_000_000;

/// Reads a range of seeds.
pub(super) fn seeds(text: &str) -> Result<Range<u64>, String> {
    let range = text.split_once("..").and_then(|(from, to)| Some(from.trim().parse().ok()?..to.trim().parse().ok()?));
    let range = range.filter(|range: &Range<u64>| !range.is_empty() && range.end - range.start <= SEEDS_MAX);
    range.ok_or_else(|| format!("expected a range that is not empty, such as 0..200, and has at most {SEEDS_MAX} seeds"))
}

/// Lets `work` tell how far it is, on a bar that is there while it lasts, and only on a terminal.
pub(super) fn watched<R>(title: &str, work: impl FnOnce(&(dyn Fn(usize, usize) + Sync)) -> R) -> R {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{msg} {wide_bar:.green} {pos} of {len}  {elapsed}, {eta} to go");
    bar.set_style(style.expect("the template is right").progress_chars("━╸ "));
    bar.set_message(title.to_owned());
    let result = work(&|done, of| {
        bar.set_length(of as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();
    result
}

/// Says which goals were missed, each with what came of it.
pub(super) fn judged<G: Display>(goals: &[(G, String, bool)]) -> Exit {
    let missed = || goals.iter().filter(|(.., met)| !met);
    for (goal, came, _) in missed() {
        complain(&format_args!("missed: {goal}: {came}"));
    }
    if missed().next().is_none() { Exit::Passed } else { Exit::CheckFailed }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_a_half_open_range() {
        assert_eq!(seeds("0..200"), Ok(0..200));
        assert_eq!(seeds("7 .. 8"), Ok(7..8));
        assert_eq!(seeds("5..1000005"), Ok(5..1_000_005));
        for wrong in ["7", "8..8", "9..3", "a..b", "-1..3", "..", "5..1000006", "0..18446744073709551615"] {
            assert!(seeds(wrong).is_err(), "{wrong}");
        }
    }
}
