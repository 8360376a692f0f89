//! What is planned for a viewer never exceeds its estimate.

use greenroom_core::select::Policy;

use super::{Evidence, Verdict, Violation};
use crate::record::{Counted, What};

/// At every decision, and at every sample between decisions: a plan that was right must not outlive its estimate.
///
/// Of a screen counts what plans count of it ([`Policy::counted_bps`]), so that by its allowance the estimate is exceeded. Audio alone may exceed it: it is sent whatever the estimate says, since a call without it is none.
///
/// It is what our rule promises. Another server's acts on some estimates and not on others, and is not held to what it does not promise.
pub(super) fn check(evidence: &Evidence<'_>) -> Verdict {
    let policy = evidence.scenario.sfu.policy;
    if policy != Policy::CHAIN {
        return Ok(format!("not promised by {}", policy.name()));
    }
    let mut decisions = 0;
    for entry in evidence.entries {
        let What::Layer { stream, to: Some(layer), estimate_bps: Some(estimate_bps), allocated_bps, .. } = &entry.what else {
            continue;
        };
        decisions += 1;
        if allocated_bps > estimate_bps
            && let Some(who) = &entry.user
        {
            let what = format!("{allocated_bps} bps were allocated with {layer} of {stream}, with an estimate of {estimate_bps} bps");
            return Err(Violation { at: entry.at, who: who.clone().into(), what });
        }
    }
    let mut samples = 0;
    for sample in evidence.samples {
        let Counted::Sent { budget_bps, planned_bps, planned_video_bps, .. } = sample.what else {
            continue;
        };
        samples += 1;
        if planned_video_bps > 0 && planned_bps > budget_bps {
            let what = format!("the plan needs {planned_bps} bps, the estimate is {budget_bps} bps");
            return Err(Violation { at: sample.at, who: sample.user.clone().into(), what });
        }
    }
    Ok(format!("{decisions} decisions and {samples} samples"))
}
