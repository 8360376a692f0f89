//! No media is taken from a member while it is a player.

use std::collections::BTreeMap;

use greenroom_core::{id::UserId, role::Role, time::Instant};

use super::{Evidence, Verdict, Violation};
use crate::record::{Counted, What};

/// What the server took in, held against the roles that users know they had. The server grants a role before the user hears of it, and a user sends as a joiner only after
/// hearing of it: so media from a user who was a player at both ends of an interval is media too much.
pub(super) fn check(evidence: &Evidence<'_>) -> Verdict {
    let mut roles: BTreeMap<&UserId, Vec<(Instant, Role)>> = BTreeMap::new();
    for entry in evidence.entries {
        if let (Some(user), What::Joined { role } | What::RoleChanged { role }) = (&entry.user, &entry.what) {
            roles.entry(user).or_default().push((entry.at, *role));
        }
    }
    let mut packets = 0;
    for sample in evidence.samples {
        let Counted::Ingress(flow) = &sample.what else { continue };
        let Some((first, _)) = flow.span else { continue };
        packets += flow.packets;
        let role = roles.get(&sample.user).and_then(|roles| roles.iter().rev().find(|(since, _)| *since <= first));
        if !role.is_some_and(|(_, role)| role.may_publish()) {
            let what = format!("the server took {} packets of {} from it, who may not publish", flow.packets, sample.stream);
            return Err(Violation { at: first, who: sample.user.clone().into(), what });
        }
    }
    Ok(format!("{packets} packets published"))
}
