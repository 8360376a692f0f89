//! The direct engine: whoever is due first does what is due, in integer nanoseconds.
//!
//! Nothing that a node is sent arrives sooner than the shortest delay of the links that end at it. So the node that is due first may go on for that long before anyone else is asked, without
//! missing anything: conservative lookahead (Chandy and Misra 1979). Each node sees its events in the same order as if all took turns, and its memory stays warm for several of
//! them; the record is put in order afterwards, as after any engine.
//!
//! By the same rule a large room is played [in two halves](halves), each on a processor of its own.

mod halves;
mod part;

use self::part::Part;
use super::{Carrying, Collected, Plan, Progress};

/// Runs until nothing is due before the end.
pub(super) fn run(plan: Plan<'_>, processors: usize, progress: &Progress) -> Carrying<Collected> {
    match halves::hall(plan).filter(|_| processors > 1) {
        Some(hall) => halves::run(plan, &hall, progress),
        None => alone(plan, progress),
    }
}

/// Runs all nodes on this thread.
fn alone(plan: Plan<'_>, progress: &Progress) -> Carrying<Collected> {
    let (mut all, end) = (Part::new(plan, |_| true), plan.end());
    while let Some(at) = all.next().filter(|at| *at < end) {
        progress.set(at);
        all.turn(end, |_| {})?;
    }
    progress.set(end);
    Ok(all.into_world().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{media::Fidelity, scenario::Scenario};

    /// Many people on lines that draw lots, two publishers, near and far, of whom one comes later than the other and stays longer, and a line that all but ends.
    const CROWD: &str = r#"
        title = "a crowd"
        duration = "4 s"
        link.studio.delay = "3 ms"
        link.wifi = { rate = "5 Mbps", delay = "10 ms", jitter = "6 ms", loss = "3 %" }
        link.mobile = { delay = "35 ms", jitter = "10 ms", rate = [{ at = "0 s", is = "3 Mbps" }, { at = "2 s", is = "500 kbps" }], queue = "60 ms", nat = {} }
        [[user]]
        id = "ada"
        role = "joiner"
        link = "studio"
        publish = true
        [[user]]
        id = "cafe"
        count = 40
        role = "player"
        link = "wifi"
        join = "100 ms"
        every = "7 ms"
        [[user]]
        id = "bus"
        count = 40
        role = "player"
        link = "mobile"
        join = "100 ms"
        every = "9 ms"
        [[user]]
        id = "bea"
        role = "joiner"
        link = "mobile"
        join = "500 ms"
        publish = true
        [[event]]
        at = "1500 ms"
        user = "ada"
        do = "leave"
        [[event]]
        at = "3 s"
        user = "bea"
        do = "leave"
    "#;

    pub(super) fn crowd() -> Scenario {
        Scenario::parse("crowd", CROWD, &[]).expect("it is right")
    }

    /// The same people, all of them near: nobody sees far.
    pub(super) fn near() -> Scenario {
        let near = CROWD
            .replace(r#"delay = "10 ms", jitter = "6 ms""#, r#"delay = "3 ms""#)
            .replace(r#"delay = "35 ms", jitter = "10 ms""#, r#"delay = "3 ms""#);
        Scenario::parse("near", &near, &[]).expect("it is right")
    }

    pub(super) fn plan(scenario: &Scenario) -> Plan<'_> {
        Plan { scenario, fidelity: Fidelity::Model, seed: 7, captures: false }
    }

    /// What came of a run in two halves is what comes of it in one.
    pub(super) fn alone_and_divided(plan: Plan<'_>, divided: &Collected) {
        let whole = alone(plan, &Progress::default()).expect("it runs");
        assert_eq!(divided.network.trace_hash(), whole.network.trace_hash());
        assert_eq!(divided.network.datagrams(), whole.network.datagrams());
        assert_eq!(divided.entries, whole.entries);
        assert_eq!(divided.samples, whole.samples);
        assert_eq!(divided.ledger, whole.ledger);
    }

    #[test]
    fn two_halves_make_the_same_run_as_one_whole() {
        let scenario = crowd();
        let plan = plan(&scenario);
        let hall = halves::hall(plan).expect("a crowd is worth two threads");
        for _ in 0..3 {
            alone_and_divided(plan, &halves::run(plan, &hall, &Progress::default()).expect("it runs"));
        }
    }

    #[test]
    fn what_is_looked_at_from_everywhere_stays_whole() {
        let scenario = crowd();
        let is_divided = |plan| halves::hall(plan).is_some();
        assert!(is_divided(plan(&scenario)));
        assert!(!is_divided(Plan { fidelity: Fidelity::WebRtc, ..plan(&scenario) }), "what str0m draws hangs on the thread");
        assert!(!is_divided(Plan { captures: true, ..plan(&scenario) }));
        let codel = CROWD.replace(r#"queue = "60 ms""#, r#"queue = { kind = "fq_codel" }"#);
        let queues = Scenario::parse("queues", &codel, &[]).expect("it is right");
        assert!(!is_divided(plan(&queues)), "a queue decides as the server sends");
        let mut few = scenario.clone();
        few.users.truncate(10);
        assert!(!is_divided(plan(&few)));
        let fault = "[[event]]\nat = \"1 s\"\nhost = \"ada\"\ndo = \"partition\"\nfor = \"1 s\"\n";
        let faulty = Scenario::parse("faulty", &[CROWD, fault].concat(), &[]).expect("it is right");
        assert!(!is_divided(plan(&faulty)));
    }
}
