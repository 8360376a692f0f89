//! The room's story on the same axis: who was there, in which role, and what they published.

use core::fmt::Write as _;
use std::collections::BTreeMap;

use greenroom_core::{role::Role, stream::StreamKind};

use super::{
    figure::{Figure, Name, PLOT_WIDTH_PX},
    page::{Escaped, Page, put},
    story::{self, listed},
    timeline::stretches,
    units::{Seconds, TimeAxis},
    words,
};
use crate::record::{Entry, What};

/// Heights, in pixels.
const ROLE: u64 = 18;
const STREAM: u64 = 16;
const GAP: u64 = 10;
const TIMES: u64 = 22;

/// Members that are drawn. A screen shows about as many, and what matters of the others stands in the tables.
pub(super) const MEMBERS: usize = 40;

/// A stretch of a member's time in the room.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stay {
    role: Role,
    from_ns: u64,
    to_ns: u64,
}

/// A stretch of a stream's life in one state of muting.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Airing {
    audio_muted: bool,
    video_muted: bool,
    from_ns: u64,
    to_ns: u64,
}

/// One member's part in the story.
#[derive(Debug)]
struct Member {
    user: String,
    stays: Vec<Stay>,
    streams: BTreeMap<StreamKind, Vec<Airing>>,
    outages: Vec<(u64, u64)>,
    interruptions: Vec<(u64, u64)>,
}

/// Draws the room's story, sentences first.
pub(super) fn put(page: &mut Page, entries: &[Entry], axis: TimeAxis) {
    let members = Member::all(entries, axis.end_ns);
    put!(page, "<p id=\"room-story\" class=\"story\">");
    match members.len() {
        0 => put!(page, "Nobody entered the room."),
        _ => members.iter().take(MEMBERS / 4).for_each(|member| put!(page, "{} ", Escaped(member.tell(axis.end_ns)))),
    }
    if let Some(more) = members.len().checked_sub(MEMBERS / 4).filter(|&more| more > 0) {
        put!(page, "And {more} more.");
    }
    put!(page, "</p>\n");
    if members.is_empty() {
        return;
    }

    let mut figure = Figure::new(axis);
    let bottom = GAP + members.iter().take(MEMBERS).map(|member| member.height() + GAP).sum::<u64>();
    figure.put_time_axis(0, bottom);
    let mut y = GAP;
    for member in members.iter().take(MEMBERS) {
        member.put(&mut figure, y);
        y += member.height() + GAP;
    }
    let plot = format!(" data-top=\"0\" data-bottom=\"{bottom}\"");
    figure.finish(page, Name { heading: "room", story: "room-story" }, bottom + TIMES, &plot);
    if members.len() > MEMBERS {
        put!(page, "<p class=\"aside\">The first {MEMBERS} of {} members are drawn.</p>\n", members.len());
    }
}

impl Member {
    /// Everyone who was in the room or tried to be, in order of appearance.
    fn all(entries: &[Entry], end_ns: u64) -> Vec<Self> {
        let mut users: Vec<&str> = Vec::new();
        let mut by_user: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
        let mut mutes: BTreeMap<String, Vec<&Entry>> = BTreeMap::new();
        for entry in entries {
            if let What::StreamMuted { stream, .. } | What::StreamRemoved { stream } = &entry.what {
                mutes.entry(stream.to_string()).or_default().push(entry);
            }
            let Some(user) = &entry.user else { continue };
            let of_user = by_user.entry(user.as_str()).or_default();
            if of_user.is_empty() {
                users.push(user.as_str());
            }
            of_user.push(entry);
        }
        // A link has a user too. Who never even asked to join has no part in the room.
        let tried = |what: &What| matches!(what, What::JoinCalled | What::Joined { .. });
        users.retain(|user| by_user[user].iter().any(|entry| tried(&entry.what)));
        let first_try = |user: &str| by_user[user].iter().position(|entry| tried(&entry.what)).map(|at| by_user[user][at].at);
        users.sort_by_key(|user| first_try(user));
        users.into_iter().map(|user| Self::new(user, &by_user[user], &mutes, end_ns)).collect()
    }

    fn new(user: &str, entries: &[&Entry], mutes: &BTreeMap<String, Vec<&Entry>>, end_ns: u64) -> Self {
        let mut member =
            Self { user: user.to_owned(), stays: Vec::new(), streams: BTreeMap::new(), outages: Vec::new(), interruptions: Vec::new() };
        let mut role: Option<(Role, u64)> = None;
        let mut airing: BTreeMap<StreamKind, u64> = BTreeMap::new();
        for entry in entries {
            let now_ns = entry.at.as_nanos();
            match &entry.what {
                What::Joined { role: granted } | What::RoleChanged { role: granted } => {
                    if let Some((before, from_ns)) = role.replace((*granted, now_ns)) {
                        member.stays.push(Stay { role: before, from_ns, to_ns: now_ns });
                    }
                }
                What::Left | What::Removed { .. } => {
                    if let Some((before, from_ns)) = role.take() {
                        member.stays.push(Stay { role: before, from_ns, to_ns: now_ns });
                    }
                    for (kind, from_ns) in core::mem::take(&mut airing) {
                        member.air(kind, from_ns, now_ns, mutes);
                    }
                }
                What::Published { stream } if stream.user.as_str() == user => {
                    airing.entry(stream.kind).or_insert(now_ns);
                }
                What::Unpublished { stream } if stream.user.as_str() == user => {
                    if let Some(from_ns) = airing.remove(&stream.kind) {
                        member.air(stream.kind, from_ns, now_ns, mutes);
                    }
                }
                _ => {}
            }
        }
        member.stays.extend(role.map(|(role, from_ns)| Stay { role, from_ns, to_ns: end_ns }));
        for (kind, from_ns) in airing {
            member.air(kind, from_ns, end_ns, mutes);
        }
        let own = || entries.iter().copied();
        member.outages = stretches(own(), end_ns, |what| matches!(what, What::OutageBegan), |what| matches!(what, What::OutageEnded));
        member.interruptions = stretches(
            own(),
            end_ns,
            |what| matches!(what, What::Interrupted { .. }),
            |what| matches!(what, What::Restored { .. } | What::Left | What::Removed { .. }),
        );
        member
    }

    /// Adds a stream's life, cut where somebody learned that it was muted or unmuted. Many learn of one change; the first of them counts.
    fn air(&mut self, kind: StreamKind, from_ns: u64, to_ns: u64, mutes: &BTreeMap<String, Vec<&Entry>>) {
        let airings = self.streams.entry(kind).or_default();
        let mut current = Airing { audio_muted: false, video_muted: false, from_ns, to_ns };
        let name = format!("{}/{}", self.user, kind.name());
        for entry in mutes.get(&name).into_iter().flatten() {
            let now_ns = entry.at.as_nanos();
            let What::StreamMuted { audio, video, .. } = entry.what else {
                continue;
            };
            let within = (from_ns..to_ns).contains(&now_ns);
            if within && (audio, video) != (current.audio_muted, current.video_muted) {
                let next = Airing { audio_muted: audio, video_muted: video, from_ns: now_ns, to_ns };
                let before = core::mem::replace(&mut current, next);
                airings.push(Airing { to_ns: now_ns, ..before });
            }
        }
        airings.push(current);
    }

    fn height(&self) -> u64 {
        ROLE + STREAM * self.streams.len() as u64
    }

    fn put(&self, figure: &mut Figure, top: u64) {
        let axis = figure.axis;
        figure.put_rail(top + ROLE / 2, "stream", &self.user);
        for stay in &self.stays {
            let class = stay.role.name();
            bar(figure, class, (stay.from_ns, stay.to_ns), top, ROLE, stay.role.name());
        }
        for (row, (kind, airings)) in self.streams.iter().enumerate() {
            let top = top + ROLE + STREAM * row as u64;
            for airing in airings {
                let muted = airing.audio_muted || airing.video_muted;
                let words = if muted {
                    format!("{}, {}", kind.name(), words::muted(airing.audio_muted, airing.video_muted))
                } else {
                    format!("publishes {}", kind.name())
                };
                let class = if muted { "airing muted" } else { "airing" };
                bar(figure, class, (airing.from_ns, airing.to_ns), top, STREAM, &words);
            }
        }
        let hatched = [("outage", "link down", &self.outages), ("interrupted", "signalling lost", &self.interruptions)];
        for (class, words, stretches) in hatched {
            for &(from_ns, to_ns) in stretches {
                let (x, width, height) = (axis.percent(from_ns), axis.width(from_ns, to_ns), self.height());
                put!(figure.marks, "<span class=\"stretch {class}\" style=\"left:{x};width:{width};top:{top}px;height:{height}px\"");
                put!(figure.marks, " title=\"{words} from {} to {}\"></span>", Seconds(from_ns), Seconds(to_ns));
            }
        }
    }

    /// `ben joined as player at 1 s, became joiner at 30 s and left at 50 s.`
    fn tell(&self, end_ns: u64) -> String {
        let mut steps = Vec::new();
        let mut last_end_ns = None;
        for stay in &self.stays {
            let verb = if last_end_ns == Some(stay.from_ns) { "became" } else { "joined as" };
            if let Some(left_ns) = last_end_ns.filter(|&left| left != stay.from_ns) {
                steps.push(format!("left at {}", Seconds(left_ns)));
            }
            steps.push(format!("{verb} {} at {}", stay.role.name(), Seconds(stay.from_ns)));
            last_end_ns = Some(stay.to_ns);
        }
        match last_end_ns {
            None => return format!("{} did not get in.", self.user),
            Some(left_ns) if left_ns < end_ns => steps.push(format!("left at {}", Seconds(left_ns))),
            Some(_) => {}
        }
        let mut told = format!("{} {}.", self.user, listed(&steps));
        for (kind, airings) in &self.streams {
            let muted: Vec<String> = (airings.iter().filter(|airing| airing.audio_muted || airing.video_muted))
                .map(|airing| {
                    let what = words::muted(airing.audio_muted, airing.video_muted);
                    format!("{what} from {} to {}", Seconds(airing.from_ns), Seconds(airing.to_ns))
                })
                .collect();
            if !muted.is_empty() {
                write!(told, " {}'s stream {} was {}.", self.user, kind.name(), story::told(&muted)).expect("a String takes any text");
            }
        }
        told
    }
}

fn bar(figure: &mut Figure, class: &str, (from_ns, to_ns): (u64, u64), top: u64, height: u64, words: &str) {
    let axis = figure.axis;
    let (x, width) = (axis.percent(from_ns), axis.width(from_ns, to_ns));
    put!(figure.ink, "<rect class=\"{class}\" x=\"{x}\" width=\"{width}\" y=\"{top}\" height=\"{}\"/>", height - 2);
    let room_px = axis.pixels(to_ns, PLOT_WIDTH_PX) - axis.pixels(from_ns, PLOT_WIDTH_PX);
    if room_px >= 10 + 6 * words.len() as u64 {
        let y = top + height / 2 + 3;
        put!(figure.ink, "<text class=\"on {class}-name\" x=\"{x}\" dx=\"6\" y=\"{y}\">{}</text>", Escaped(words));
    }
}

#[cfg(test)]
mod tests {
    use greenroom_core::{id::UserId, time::Instant};

    use super::*;
    use crate::record::StreamName;

    fn entry(at_s: u64, user: &str, what: What) -> Entry {
        Entry { at: Instant::from_secs(at_s), user: Some(UserId::new(user).unwrap()), what }
    }

    #[test]
    fn a_stay_ends_with_a_role_and_begins_with_the_next() {
        let entries = [
            entry(1, "ben", What::Joined { role: Role::Player }),
            entry(30, "ben", What::RoleChanged { role: Role::Joiner }),
            entry(50, "ben", What::Left),
        ];
        let members = Member::all(&entries, 60_000_000_000);
        let told = members[0].tell(60_000_000_000).replace('\u{a0}', " ");
        assert_eq!(told, "ben joined as player at 1 s, became joiner at 30 s and left at 50 s.");
    }

    #[test]
    fn a_mute_that_two_members_see_cuts_the_stream_once() {
        let stream = StreamName { user: UserId::new("ada").unwrap(), kind: StreamKind::Main };
        let muted = |video| What::StreamMuted { stream: stream.clone(), audio: false, video };
        let entries = [
            entry(0, "ada", What::Joined { role: Role::Joiner }),
            entry(1, "ada", What::Published { stream: stream.clone() }),
            entry(5, "ben", muted(true)),
            entry(6, "cem", muted(true)),
            entry(8, "ben", muted(false)),
        ];
        let members = Member::all(&entries, 10_000_000_000);
        let airings: Vec<_> = (members[0].streams[&StreamKind::Main].iter())
            .map(|a| (a.from_ns / 1_000_000_000, a.to_ns / 1_000_000_000, a.video_muted))
            .collect();
        assert_eq!(airings, [(1, 5, false), (5, 8, true), (8, 10, false)]);
    }
}
