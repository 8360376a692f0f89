//! Viewers of a stream over links of one kind receive alike.
//!
//! Measured by Jain's index, `(Σx)² / (n Σx²)`: 1 when all receive the same, `k/n` when `k` of `n` share everything (Jain, Chiu and Hawe, DEC-TR-301, 1984).

use core::time::Duration;
use std::collections::BTreeMap;

use greenroom_core::{id::UserId, time::Instant};

use super::{Evidence, Verdict, Violation};
use crate::{
    record::{Counted, SAMPLE_INTERVAL, StreamName},
    scenario::{Action, User, Watch},
};

/// Estimates begin low and climb for a while, each at its own pace: the beginning of a view does not count.
const SETTLING: Duration = Duration::from_secs(10);
/// Less than this says little: a key frame more or less would count.
const SHORTEST: Duration = Duration::from_secs(10);
/// Least index, in percent. A choice: one viewer in ten that goes without everything is too much.
const LEAST_PERCENT: u128 = 90;
/// The same where they compete for one line. A choice: congestion controllers divide a line by what each finds, and layers are three times apart, so that one viewer of four a layer above the others makes
/// 75 already (with GCC 70 to 95 were seen over seeds); that half of them go without everything, 50, is too much.
const LEAST_PERCENT_OF_RIVALS: u128 = 60;

/// What one viewer received of one stream: interval by interval.
type Received = Vec<(Instant, u64)>;

/// For each stream and each kind of link: those who watch the same and suffer nothing of their own receive at like rates, over the time in which all of them watch. Intervals in which nothing came are left
/// out, as a rate of nothing is what `liveness` is for: it knows who was muted.
pub(super) fn check(evidence: &Evidence<'_>) -> Verdict {
    let mut received: BTreeMap<(&StreamName, &UserId), Received> = BTreeMap::new();
    for sample in evidence.samples {
        if let Counted::Received { flow, .. } = &sample.what {
            received.entry((&sample.stream, &sample.user)).or_default().push((sample.at, flow.bytes));
        }
    }
    let alike = alike(evidence);
    let mut groups: BTreeMap<(&StreamName, usize), Vec<(&UserId, &Received)>> = BTreeMap::new();
    for ((stream, user), intervals) in &received {
        if let Some(kind) = alike.get(user) {
            groups.entry((stream, *kind)).or_default().push((user, intervals));
        }
    }
    let mut compared = 0;
    for ((stream, _), viewers) in groups.iter().filter(|(_, viewers)| viewers.len() > 1) {
        let (from, to) = common(viewers);
        let from = from.saturating_add(SETTLING);
        if from.saturating_add(SHORTEST) > to {
            continue;
        }
        compared += 1;
        let rates: Vec<(u128, &UserId)> =
            viewers.iter().filter_map(|(user, intervals)| Some((rate_bps(intervals, from, to)?, *user))).collect();
        let bps: Vec<u128> = rates.iter().map(|(bps, _)| *bps).collect();
        let percent = jain_percent(&bps);
        let is_rival = |id: &UserId| evidence.scenario.users.iter().any(|user| user.id == *id && user.behind.is_some());
        let least_percent = if viewers.iter().any(|(id, _)| is_rival(id)) { LEAST_PERCENT_OF_RIVALS } else { LEAST_PERCENT };
        if percent < least_percent
            && let Some((least_bps, who)) = rates.iter().min()
        {
            let mean_bps = bps.iter().sum::<u128>() / bps.len() as u128;
            let what = format!(
                "received {least_bps} bps of {stream} where {} viewers like it received {mean_bps} in the mean; Jain's index is {percent} %",
                rates.len()
            );
            return Err(Violation { at: from, who: (*who).clone().into(), what });
        }
    }
    Ok(format!("{compared} groups of viewers"))
}

/// The mean rate over the intervals between two times in which anything came, if there are any.
fn rate_bps(intervals: &Received, from: Instant, to: Instant) -> Option<u128> {
    let live = intervals.iter().filter(|(at, bytes)| from < *at && *at <= to && *bytes > 0);
    let (sum, count) = live.fold((0_u128, 0_u128), |(sum, count), (_, bytes)| (sum + u128::from(*bytes), count + 1));
    (sum * 8 * 1000).checked_div(count * SAMPLE_INTERVAL.as_millis())
}

/// Users by what they share with others: the link's name, the role and what they watch. Those whom a fault befell, or everybody, or who change what they watch, are in no group: they may have gone without.
fn alike<'a>(evidence: &Evidence<'a>) -> BTreeMap<&'a UserId, usize> {
    let mut kinds: Vec<(&str, &Watch, bool)> = Vec::new();
    let mut alike = BTreeMap::new();
    for (place, user) in (1_u16..).zip(&evidence.scenario.users) {
        let User { id, link, watch, role, .. } = user;
        let changes = user.actions.iter().any(|(_, action)| matches!(action, Action::Watch(_)));
        if changes || evidence.scenario.faults.iter().any(|fault| fault.is_of(place)) {
            continue;
        }
        let kind = (link.as_str(), watch, role.may_publish());
        let place = kinds.iter().position(|known| *known == kind).unwrap_or_else(|| {
            kinds.push(kind);
            kinds.len() - 1
        });
        alike.insert(id, place);
    }
    alike
}

/// From when to when all of them watched.
fn common(viewers: &[(&UserId, &Received)]) -> (Instant, Instant) {
    let ends = viewers.iter().filter_map(|(_, intervals)| Some((intervals.first()?.0, intervals.last()?.0)));
    ends.fold((Instant::ZERO, Instant::MAX), |(from, to), (first, last)| (from.max(first), to.min(last)))
}

/// Jain's index in percent, rounded down; that of nothing at all is fair.
fn jain_percent(shares: &[u128]) -> u128 {
    let (sum, squares) = shares.iter().fold((0_u128, 0_u128), |(sum, squares), x| (sum + x, squares + x * x));
    (sum * sum * 100).checked_div(shares.len() as u128 * squares).unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_is_one_for_equals_and_the_share_of_those_who_have_all() {
        assert_eq!(jain_percent(&[5, 5, 5]), 100);
        assert_eq!(jain_percent(&[7, 0, 0, 0]), 25);
        assert_eq!(jain_percent(&[3, 1]), 80, "16 by 2 times 10");
        assert_eq!(jain_percent(&[0, 0]), 100);
    }
}
