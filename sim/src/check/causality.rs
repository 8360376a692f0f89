//! Nothing arrives sooner than its link's delay after it was sent.

use super::{Evidence, Verdict, Violation, way};

/// For each direction of each link: the fastest datagram took at least the propagation delay.
pub(super) fn check(evidence: &Evidence<'_>) -> Verdict {
    let mut links = 0;
    for (client, direction, account) in evidence.ledger.accounts() {
        let (Some(link), Some(shortest)) = (evidence.link(client, direction), account.shortest()) else { continue };
        links += 1;
        let delay = link.shortest_delay();
        if shortest < delay {
            let what =
                format!("a datagram went {} in {} ns, and the way takes {} ns", way(direction), shortest.as_nanos(), delay.as_nanos());
            return Err(Violation { at: account.shortest_at, who: evidence.who(client), what });
        }
    }
    Ok(format!("{links} directions of links"))
}
