//! What the scenario asks for befell somebody.

use super::{Evidence, Verdict, Violation};

/// Each fault struck at least once: a partition swallowed something, a hold held something up, what was to be closed was open. A scenario that passes because its faults hit nothing proves nothing.
pub(super) fn check(evidence: &Evidence<'_>) -> Verdict {
    let mut total = 0;
    for (n, fault) in evidence.scenario.faults.iter().enumerate() {
        let struck = evidence.struck.get(n).copied().unwrap_or(0);
        total += struck;
        if struck == 0 {
            let what = format!("the {} that the scenario asks for hit nothing", fault.kind.word());
            return Err(Violation { at: fault.at, who: evidence.who(fault.host), what });
        }
    }
    Ok(format!("{} faults struck {total} times", evidence.scenario.faults.len()))
}
