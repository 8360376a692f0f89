//! After the last fault everyone who should be there is, and receives what it watches.

use core::time::Duration;
use std::collections::BTreeMap;

use greenroom_core::{id::UserId, role::Role, time::Instant};

use super::{Evidence, Verdict, Violation};
use crate::{
    record::{Counted, StreamName, What},
    scenario::{Action, FaultKind, User, Watch},
};

/// How long after the last fault everything may take to stand again. The slowest way back: media transport notices silence after [19 s](crate::media), and then connects anew; signalling is faster (6 s to notice
/// silence, at most 5 s between attempts of 3 s).
pub(super) const RECOVERY: Duration = Duration::from_secs(30);
/// A stream that came this long before the end comes. A choice, as for `liveness`.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Where a user should be at the end, by the scenario alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Wanted {
    role: Option<Role>,
    publishes: bool,
    audio_muted: bool,
    /// When the user last did something.
    since: Instant,
}

/// At the end of a run that goes on long enough after its last fault: who is wanted in the room is in it, in its role and connected, and receives the audio of everyone it watches.
pub(super) fn check(evidence: &Evidence<'_>) -> Verdict {
    let faults = evidence.scenario.faults.iter().filter(|fault| fault.kind.disturbs());
    let Some(healed) = faults.map(|fault| if fault.over() == Instant::MAX { fault.at } else { fault.over() }).max() else {
        return Ok("0 faults to recover from".to_owned());
    };
    let end = evidence.end();
    if healed.saturating_add(RECOVERY) > end {
        return Ok(format!("0 users: the run ends less than {} s after its last fault", RECOVERY.as_secs()));
    }
    let wanted: Vec<(&User, Wanted)> =
        (1_u16..).zip(&evidence.scenario.users).map(|(place, user)| (user, wanted(evidence, place, user))).collect();
    let standing = standing(evidence);
    let (mut members, mut views) = (0, 0);
    for (user, wanted) in wanted.iter().filter(|(_, wanted)| wanted.since.saturating_add(RECOVERY) <= end) {
        let found = standing.get(&user.id).copied().unwrap_or_default();
        let fault = |what: String| Err(Violation { at: end, who: user.id.clone().into(), what });
        match (wanted.role, found.role) {
            (Some(_), None) => return fault(format!("is not in the room, {} s after the last fault", RECOVERY.as_secs())),
            (None, Some(_)) => return fault("is in the room, and should not be".to_owned()),
            (Some(_), Some(_)) if found.interrupted => return fault("is still being reconnected".to_owned()),
            (Some(wanted), Some(found)) if wanted != found => {
                return fault(format!("is a {}, and should be a {}", found.name(), wanted.name()));
            }
            (_, _) => members += 1,
        }
    }
    let last = last_arrivals(evidence);
    for (viewer, seeing) in &wanted {
        for (publisher, seen) in &wanted {
            let (settled, shown) = (seeing.since.max(seen.since), seen.publishes && !seen.audio_muted);
            let links = [&viewer.up, &viewer.down, &publisher.up, &publisher.down];
            let quiet =
                links.iter().flat_map(|link| &link.outages).all(|outage| outage.from >= end || outage.to.saturating_add(RECOVERY) <= end);
            let comes = seeing.role.is_some() && shown && viewer.id != publisher.id && watch(viewer).holds(&publisher.id);
            if !comes || !quiet || settled.saturating_add(RECOVERY) > end {
                continue;
            }
            views += 1;
            let heard = last.get(&(&viewer.id, &publisher.id)).copied();
            if heard.is_none_or(|at| at.saturating_add(LONGEST_PAUSE) < end) {
                let what = format!("receives nothing of {}, {} s after the last fault", publisher.id, RECOVERY.as_secs());
                return Err(Violation { at: heard.unwrap_or(healed), who: viewer.id.clone().into(), what });
            }
        }
    }
    Ok(format!("{members} users and {views} views, {} s after the last fault", RECOVERY.as_secs()))
}

/// What a user watches in the end.
fn watch(user: &User) -> &Watch {
    let mut changes =
        user.actions.iter().rev().filter_map(|(_, action)| if let Action::Watch(watch) = action { Some(watch) } else { None });
    changes.next().unwrap_or(&user.watch)
}

fn wanted(evidence: &Evidence<'_>, place: u16, user: &User) -> Wanted {
    let mut wanted = Wanted::default();
    let crashes = evidence.scenario.faults.iter().filter(|fault| fault.host == place && matches!(fault.kind, FaultKind::Crash { .. }));
    let mut steps: Vec<(Instant, Option<&Action>)> = crashes.map(|fault| (fault.at, None)).collect();
    steps.extend(user.actions.iter().map(|(at, action)| (*at, Some(action))));
    steps.sort_by_key(|(at, _)| *at);
    for (at, action) in steps {
        wanted.since = at;
        match action {
            None | Some(Action::Leave) => wanted = Wanted { since: at, ..Wanted::default() },
            Some(Action::Join) => wanted = Wanted { role: Some(user.role), since: at, ..Wanted::default() },
            Some(Action::Publish) => (wanted.publishes, wanted.audio_muted) = (true, false),
            Some(Action::Unpublish) => wanted.publishes = false,
            // Screens have no sound, by which views are told; whom a user watches in the end is looked up there.
            Some(Action::Share | Action::Unshare | Action::Watch(_)) => {}
            Some(Action::SwitchRole(role)) => {
                wanted.role = Some(*role);
                wanted.publishes &= role.may_publish();
            }
            Some(Action::Mute { audio, .. }) => wanted.audio_muted |= audio,
            Some(Action::Unmute { audio, .. }) => wanted.audio_muted &= !audio,
        }
    }
    wanted
}

/// Where a user was at the end, as it saw it.
#[derive(Clone, Copy, Debug, Default)]
struct Found {
    role: Option<Role>,
    interrupted: bool,
}

fn standing<'e>(evidence: &'e Evidence<'_>) -> BTreeMap<&'e UserId, Found> {
    let mut standing: BTreeMap<&UserId, Found> = BTreeMap::new();
    for entry in evidence.entries {
        let Some(user) = &entry.user else { continue };
        let found = standing.entry(user).or_default();
        match entry.what {
            What::Joined { role } | What::RoleChanged { role } => *found = Found { role: Some(role), interrupted: false },
            What::JoinCalled | What::Left | What::Removed { .. } => *found = Found::default(),
            What::Interrupted { .. } => found.interrupted = true,
            What::Restored { .. } => found.interrupted = false,
            _ => {}
        }
    }
    // What crashed for good says nothing any more.
    for fault in &evidence.scenario.faults {
        if let (FaultKind::Crash { .. }, Some(user)) = (fault.kind, evidence.user(fault.host))
            && fault.until.is_none_or(|until| until >= evidence.end())
        {
            standing.insert(&user.id, Found::default());
        }
    }
    standing
}

/// When each viewer last received something of each publisher.
fn last_arrivals<'a>(evidence: &Evidence<'a>) -> BTreeMap<(&'a UserId, &'a UserId), Instant> {
    let mut last = BTreeMap::new();
    for sample in evidence.samples {
        if let Counted::Received { flow, .. } = &sample.what
            && let Some((_, at)) = flow.span
        {
            let StreamName { user: publisher, .. } = &sample.stream;
            last.insert((&sample.user, publisher), at);
        }
    }
    last
}
