//! Every order in which things can happen, within bounds: a service and its sessions over connections that break, searched state by state.
//!
//! What is modelled and what is not stands in `model_check/world.rs`. A broken promise is printed as the shortest list of steps that leads to it.

#![allow(unreachable_pub, reason = "parts of tests are as visible as parts of the library")]

#[path = "common/host.rs"]
mod host;
#[path = "model_check/search.rs"]
mod search;
#[path = "model_check/world.rs"]
mod world;

use std::time::Instant as Clock;

use host::Planted;
use search::{Report, State, search};
use world::{Budget, World};

#[expect(clippy::disallowed_methods, reason = "how long a search takes is printed, and nothing else")]
fn explore<T: State>(what: &str, start: T) -> Report {
    let begin = Clock::now();
    let report = search(start);
    let seconds = begin.elapsed().as_secs_f32();
    println!("{what}: {} states, {} steps, depth {}, {seconds:.1} s", report.states, report.steps, report.depth);
    report
}

fn holds<T: State>(what: &str, start: T) -> usize {
    let report = explore(what, start);
    if let Some(broken) = report.broken {
        panic!("{what}: a promise is broken after\n{broken}");
    }
    report.states
}

const CALM: Budget = Budget { calls: [0, 0, 0], cuts: 0, removals: 0, ticks: 0 };

// R-015 R-023 R-059 R-064 R-065 R-265
#[test]
fn two_sessions_keep_their_promises_in_every_order_of_calls_losses_and_time() {
    let clashes = Budget { calls: [3, 3, 0], ..CALM };
    let removals = Budget { calls: [2, 2, 0], cuts: 1, removals: 1, ..CALM };
    let absences = Budget { calls: [2, 1, 0], cuts: 1, ticks: 1, ..CALM };
    let losses = Budget { calls: [1, 1, 0], cuts: 2, ticks: 1, ..CALM };
    let long_absences = Budget { calls: [1, 1, 0], cuts: 1, ticks: 2, ..CALM };
    let mut states = 0;
    for (what, budget) in
        [("clashes", clashes), ("removals", removals), ("absences", absences), ("losses", losses), ("long absences", long_absences)]
    {
        states += holds(what, World::new(2, budget, |service| service));
    }
    println!("{states} states in all");
    assert!(states >= 1_000_000, "the search has become too small to say much: {states} states");
}

#[test]
#[cfg_attr(debug_assertions, ignore = "takes minutes without optimisation: cargo test --release -p greenroom-core --test model_check")]
fn three_sessions_keep_their_promises_in_every_order_of_calls_a_loss_and_a_removal() {
    let budget = Budget { calls: [2, 1, 1], cuts: 1, removals: 1, ..CALM };
    holds("three sessions", World::new(3, budget, |service| service));
}

#[test]
#[ignore = "for choosing budgets: BUDGETS=calls,calls,calls,cuts,removals,ticks;…"]
fn budgets_by_hand() {
    for line in std::env::var("BUDGETS").unwrap_or_default().split(';').filter(|budget| !budget.is_empty()) {
        let n: Vec<u8> = line.split(',').map(|n| n.parse().expect("BUDGETS holds numbers")).collect();
        holds(
            line,
            World::new(
                if n[2] > 0 { 3 } else { 2 },
                Budget { calls: [n[0], n[1], n[2]], cuts: n[3], removals: n[4], ticks: n[5] },
                |service| service,
            ),
        );
    }
}

#[test]
fn a_late_leave_that_removes_the_successor_is_found() {
    let report = explore("a planted fault", World::new(2, Budget { calls: [2, 1, 0], ..CALM }, Planted::new));
    let broken = report.broken.expect("a fault was planted");
    println!("{broken}");
    assert!(broken.why.contains("which is not its own"), "{}", broken.why);
    assert!(broken.steps.len() <= 12, "the shortest way is short:\n{broken}");
}
