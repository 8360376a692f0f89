//! What a link carries in order arrives in order.

use super::{Evidence, Verdict, Violation, way};
use crate::net::link::LinkConfig;

/// For each direction of each link that keeps the order: nothing was overtaken. A hold lets go in order; a copy comes when it comes.
pub(super) fn check(evidence: &Evidence<'_>) -> Verdict {
    let mut links = 0;
    for (client, direction, account) in evidence.ledger.accounts() {
        if !evidence.link(client, direction).is_some_and(keeps_order) {
            continue;
        }
        links += u64::from(account.sent > 0);
        if let Some(at) = account.overtaken_at {
            let what =
                format!("{} datagrams that went {} overtook others, on a link that keeps their order", account.overtakings, way(direction));
            return Err(Violation { at, who: evidence.who(client), what });
        }
    }
    Ok(format!("{links} directions of links"))
}

/// Whether a link promises it: jitter may be let reorder, some packets may be late on purpose, and queues that tell flows apart serve them in turn.
fn keeps_order(link: &LinkConfig) -> bool {
    !link.jitter.reorder && link.reorder.late_ppb == 0 && !link.tells_flows_apart()
}
