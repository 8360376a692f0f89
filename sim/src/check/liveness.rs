//! Viewers of a live stream receive again soon after every change of the network.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use greenroom_core::{id::UserId, time::Instant};

use super::{Evidence, Verdict, Violation, recovery::RECOVERY};
use crate::{
    net::link::LinkConfig,
    record::{Counted, StreamName, What},
    scenario::{Fault, User},
};

/// How long after a change everything may take to flow again.
const GRACE: Duration = Duration::from_secs(10);
/// Longest pause of a stream that flows. A choice: audio comes every 20 ms and pictures every 33; two seconds is no jitter any more.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

type Span = (Instant, Instant);

/// From ten seconds after each change (to either link on the way, to the stream, or to the subscription) every view has packets without a long pause, until the next change or
/// its end.
pub(super) fn check(evidence: &Evidence<'_>) -> Verdict {
    let users: BTreeMap<&UserId, &User> = evidence.scenario.users.iter().map(|user| (&user.id, user)).collect();
    let arrivals = arrivals(evidence);
    let mut watched = 0;
    for ((viewer, stream), spans) in views(evidence) {
        let ends = [viewer, &stream.user].into_iter().filter_map(|user| users.get(user));
        let mut disturbed: Vec<Span> = ends.flat_map(|user| disturbances(&user.up).chain(disturbances(&user.down))).collect();
        disturbed.extend(sufferings(evidence, &[viewer, &stream.user]));
        disturbed.sort_unstable();
        let arrivals = arrivals.get(&(viewer, stream)).map_or(&[][..], Vec::as_slice);
        for (from, to) in spans.into_iter().flat_map(|(from, to)| calm(&disturbed, from, to)) {
            watched += 1;
            if let Some(silent) = first_silence(arrivals, from, to) {
                let (pause, grace) = (LONGEST_PAUSE.as_secs(), GRACE.as_secs());
                let what = format!("nothing of {stream} came for more than {pause} s, though nothing had changed for {grace} s");
                return Err(Violation { at: silent, who: viewer.clone().into(), what });
            }
        }
    }
    Ok(format!("{watched} stretches without a change for more than {} s", GRACE.as_secs()))
}

/// When faults go on that concern one of these users, each with the time that it may take to recover from beyond the usual grace.
fn sufferings(evidence: &Evidence<'_>, users: &[&UserId]) -> Vec<Span> {
    let concerns = |fault: &Fault| {
        let of_user = |(place, user): (u16, &User)| users.contains(&&user.id) && fault.is_of(place);
        fault.kind.disturbs() && (1_u16..).zip(&evidence.scenario.users).any(of_user)
    };
    let faults = evidence.scenario.faults.iter().filter(|fault| concerns(fault));
    faults.map(|fault| (fault.at, fault.over().saturating_add(RECOVERY.saturating_sub(GRACE)))).collect()
}

/// When a link changes, or carries nothing.
fn disturbances(link: &LinkConfig) -> impl Iterator<Item = Span> + '_ {
    let steps = link.capacity.steps();
    let changes = steps.iter().enumerate().map(|(n, (at, rate))| match rate {
        Some(0) => (*at, steps.get(n + 1).map_or(Instant::MAX, |(next, _)| *next)),
        Some(_) | None => (*at, *at),
    });
    changes.chain(link.outages.iter().chain(&link.holds).map(|outage| (outage.from, outage.to)))
}

/// The stretches between `from` and `to` in which nothing has changed for a while. `disturbed` is in order.
fn calm(disturbed: &[Span], from: Instant, to: Instant) -> Vec<Span> {
    let mut stretches = Vec::new();
    let mut since = from;
    let mut until = |since: Instant, until: Instant| {
        let begins = since.saturating_add(GRACE);
        if begins < until {
            stretches.push((begins, until));
        }
    };
    for (begins, ends) in disturbed.iter().copied().filter(|(begins, ends)| *ends > from && *begins < to) {
        until(since, begins);
        since = since.max(ends);
    }
    until(since, to);
    stretches
}

/// The last packet before a pause that is too long, between `from` and `to`.
fn first_silence(arrivals: &[Instant], from: Instant, to: Instant) -> Option<Instant> {
    let mut last = from;
    let first = arrivals.partition_point(|at| *at <= from);
    for at in arrivals[first..].iter().copied().take_while(|at| *at <= to) {
        if at.saturating_since(last) > LONGEST_PAUSE {
            return Some(last);
        }
        last = at;
    }
    (to.saturating_since(last) > LONGEST_PAUSE).then_some(last)
}

/// For each view, the first and last packets of each interval in which any came, in order.
fn arrivals<'a>(evidence: &Evidence<'a>) -> BTreeMap<(&'a UserId, &'a StreamName), Vec<Instant>> {
    let mut arrivals: BTreeMap<(&UserId, &StreamName), Vec<Instant>> = BTreeMap::new();
    for sample in evidence.samples {
        if let Counted::Received { flow, .. } = &sample.what
            && let Some((first, last)) = flow.span
        {
            arrivals.entry((&sample.user, &sample.stream)).or_default().extend([first, last]);
        }
    }
    arrivals
}

/// A viewer's subscription to a stream, and when something of it was to come.
#[derive(Clone, Debug, Default)]
struct View {
    subscribed: bool,
    muted: Muted,
    /// The server decided to send video. Without it, and with the audio muted, there is nothing to come, and the decision says why.
    video_planned: bool,
    spans: Vec<Span>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Muted {
    audio: bool,
    video: bool,
}

impl View {
    const fn is_live(&self) -> bool {
        self.subscribed && (!self.muted.audio || (self.video_planned && !self.muted.video))
    }

    /// Ends the span that is open, if there is one.
    fn close(&mut self, at: Instant) {
        if self.is_live()
            && let Some(last) = self.spans.last_mut()
        {
            last.1 = at;
        }
    }

    /// Begins a span that lasts to the end of the run, if something is to come.
    fn open(&mut self, at: Instant, end: Instant) {
        if self.is_live() {
            self.spans.push((at, end));
        }
    }
}

/// When each viewer watched each stream while something of it was to come. What its owner does to a stream begins another span.
fn views<'a>(evidence: &Evidence<'a>) -> BTreeMap<(&'a UserId, &'a StreamName), Vec<Span>> {
    let mut views: BTreeMap<(&UserId, &StreamName), View> = BTreeMap::new();
    // Whose streams the server may go on offering for a while: it has not noticed yet that they left.
    let mut gone: BTreeSet<&UserId> = BTreeSet::new();
    let end = evidence.end();
    let mut crashes: Vec<(Instant, &UserId)> =
        evidence.scenario.users.iter().flat_map(|user| evidence.crashes_of(&user.id).map(|at| (at, &user.id))).collect();
    crashes.sort_unstable();
    let mut crashes = crashes.into_iter().peekable();
    for entry in evidence.entries {
        while let Some((at, user)) = crashes.next_if(|(at, _)| *at <= entry.at) {
            gone.insert(user);
            depart(&mut views, user, at);
        }
        let (Some(user), at) = (&entry.user, entry.at) else { continue };
        let mut change = |stream: &'a StreamName, change: &dyn Fn(&mut View)| {
            let view = views.entry((user, stream)).or_default();
            view.close(at);
            change(view);
            view.open(at, end);
        };
        match &entry.what {
            What::Joined { .. } => {
                gone.remove(user);
            }
            What::Subscribed { stream } => change(stream, &|view| view.subscribed = !gone.contains(&stream.user)),
            What::Unsubscribed { stream } | What::StreamRemoved { stream } => change(stream, &|view| {
                *view = View { spans: core::mem::take(&mut view.spans), ..View::default() };
            }),
            What::StreamMuted { stream, audio, video } => change(stream, &|view| {
                view.muted = Muted { audio: *audio, video: *video };
            }),
            What::Layer { stream, to, .. } => {
                // A decision for another layer disturbs nothing; one for none, or after none, changes what is to come.
                let view = views.entry((user, stream)).or_default();
                let planned = View { video_planned: to.is_some(), spans: Vec::new(), ..*view };
                match (view.is_live(), planned.is_live()) {
                    (true, false) => view.close(at),
                    (false, true) => view.spans.push((at, end)),
                    (true, true) | (false, false) => {}
                }
                view.video_planned = planned.video_planned;
            }
            What::Left | What::Removed { .. } => {
                gone.insert(user);
                depart(&mut views, user, at);
            }
            _ => {}
        }
    }
    views.into_iter().map(|(key, view)| (key, view.spans)).collect()
}

/// Whoever leaves neither views nor is viewed.
fn depart(views: &mut BTreeMap<(&UserId, &StreamName), View>, user: &UserId, at: Instant) {
    for (_, view) in views.iter_mut().filter(|((viewer, stream), _)| *viewer == user || stream.user == *user) {
        view.close(at);
        *view = View { spans: core::mem::take(&mut view.spans), ..View::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::link::{Outage, RateSchedule};

    #[test]
    fn a_pause_counts_from_the_last_packet_and_to_the_end() {
        let at = Instant::from_millis;
        let arrivals = [at(500), at(1500), at(3000), at(5500)];
        assert_eq!(first_silence(&arrivals, at(0), at(4000)), None);
        assert_eq!(first_silence(&arrivals, at(0), at(6000)), Some(at(3000)));
        assert_eq!(first_silence(&arrivals, at(4000), at(8000)), Some(at(5500)));
        assert_eq!(first_silence(&[], at(0), at(1000)), None, "too short a time to tell");
    }

    #[test]
    fn calm_is_what_lies_between_disturbances_after_their_grace() {
        let s = Instant::from_secs;
        let disturbed = [(s(0), s(0)), (s(20), s(20)), (s(40), s(60)), (s(45), s(50)), (s(90), s(200))];
        assert_eq!(calm(&disturbed, s(5), s(100)), [(s(15), s(20)), (s(30), s(40)), (s(70), s(90))]);
        assert_eq!(calm(&disturbed, s(5), s(12)), [], "too short a stay");
        assert_eq!(calm(&disturbed, s(61), s(80)), [(s(71), s(80))], "what went on before counts from the subscription");
        assert_eq!(calm(&disturbed, s(45), s(80)), [(s(70), s(80))], "the outage outlasts the subscription");
        assert_eq!(calm(&[], s(0), s(30)), [(s(10), s(30))]);
    }

    #[test]
    fn a_link_is_disturbed_when_its_rate_changes_and_while_it_carries_nothing() {
        let s = Instant::from_secs;
        let rate = RateSchedule::new(vec![(s(0), None), (s(10), Some(0)), (s(14), Some(1000)), (s(20), None)]).unwrap();
        let outages = vec![Outage { from: s(30), to: s(33) }];
        let link = LinkConfig { capacity: rate.into(), outages, ..LinkConfig::default() };
        let expected = [(s(0), s(0)), (s(10), s(14)), (s(14), s(14)), (s(20), s(20)), (s(30), s(33))];
        assert_eq!(disturbances(&link).collect::<Vec<_>>(), expected);
    }
}
