//! What a link carries in order arrives in order.

use super::{Evidence, Verdict, Violation, way};

/// For each direction of each link: nothing was overtaken. Jitter never reorders, and a hold lets go in order; so every link promises it.
pub(super) fn check(evidence: &Evidence<'_>) -> Verdict {
    let mut links = 0;
    for (client, direction, account) in evidence.ledger.accounts() {
        links += u64::from(account.sent > 0);
        if let Some(at) = account.overtaken_at {
            let what = format!("{} datagrams that went {} overtook others, on a link that keeps their order", account.overtakings, way(direction));
            return Err(Violation { at, who: evidence.who(client), what });
        }
    }
    Ok(format!("{links} directions of links"))
}
