//! Every datagram sent was delivered, dropped for a cause that has a name, or under way at the end.

use super::{Evidence, Verdict, Violation, way};

/// For each direction of each link: sent + copies = delivered + dropped + in flight at the end. The two sides are counted by different hands (see [`Ledger`](crate::record::Ledger)), so an engine
/// that loses a datagram, or hands one over twice, does not balance.
pub(super) fn check(evidence: &Evidence<'_>) -> Verdict {
    let (mut sent, mut dropped) = (0, 0);
    for (client, direction, account) in evidence.ledger.accounts() {
        let drops: u64 = account.dropped.values().sum();
        let (came, went) = (account.sent + account.copied, account.delivered + drops + account.in_flight);
        sent += account.sent;
        dropped += drops;
        if came != went {
            let what = format!(
                "{came} datagrams went {}, and {went} are accounted for: {} delivered, {drops} dropped, {} in flight",
                way(direction),
                account.delivered,
                account.in_flight
            );
            return Err(Violation { at: evidence.end(), who: evidence.who(client), what });
        }
    }
    let nowhere = evidence.ledger.nowhere;
    Ok(format!("{sent} datagrams, {dropped} of them dropped, {nowhere} sent nowhere"))
}
