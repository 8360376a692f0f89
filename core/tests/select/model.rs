//! The chain of steps, written down as plainly as can be: lists, sorted and merged.

use greenroom_core::{select::Source, stream::BitsPerSecond};

use crate::scene::Wanted;

/// One step of one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) stream: u32,
    /// What the stream needs after it.
    pub(crate) to_bps: BitsPerSecond,
    /// What it takes.
    pub(crate) bps: BitsPerSecond,
    level: BitsPerSecond,
    /// Which of the stream's rungs it leads to.
    place: usize,
    yields: bool,
    /// Which part of it may go ahead of it, and which of that may lead to as much as its stream has already.
    parts: [BitsPerSecond; 2],
}

/// All steps of the scene, in the order in which they are taken: floors first, then climbs.
pub(crate) fn chain(scene: &[Wanted]) -> Vec<Step> {
    let mut priorities: Vec<u8> = scene.iter().map(|wanted| wanted.priority).collect();
    priorities.sort_unstable();
    priorities.dedup();
    let mut floors = Vec::new();
    let mut climbs = Vec::new();
    // From the lowest priority up: each goes before all below it, but for what goes ahead.
    for priority in priorities {
        let of_class: Vec<&Wanted> = scene.iter().filter(|wanted| wanted.priority == priority).collect();
        floors = merged(&sorted(of_class.iter().filter_map(|wanted| floor(wanted)).collect()), &floors);
        climbs = merged(&sorted(of_class.iter().flat_map(|wanted| climbs_of(wanted)).collect()), &climbs);
    }
    [floors, climbs].concat()
}

fn floor(wanted: &Wanted) -> Option<Step> {
    let bps = *wanted.ladder_bps().first()?;
    Some(Step { stream: wanted.stream, to_bps: bps, bps, level: bps, place: 0, yields: !wanted.insists, parts: [8, 8] })
}

fn climbs_of(wanted: &Wanted) -> Vec<Step> {
    let mut level = 0;
    let step = |(below, pair): (usize, &[BitsPerSecond])| {
        let (from_bps, to_bps) = (pair[0], pair[1]);
        level = level.max(3 * to_bps - 2 * from_bps);
        Step {
            stream: wanted.stream,
            to_bps,
            bps: to_bps - from_bps,
            level,
            place: below + 1,
            yields: false,
            parts: if wanted.source == Source::Screen { [1, 1] } else { [1, 3] },
        }
    };
    wanted.ladder_bps().windows(2).enumerate().map(step).collect()
}

fn sorted(mut steps: Vec<Step>) -> Vec<Step> {
    steps.sort_by_key(|step| (step.level, step.place, step.yields, step.stream));
    steps
}

/// The steps of a class, before each of which as many of those below it go, in their own order, as stand lower and cost together no more than a part of it.
fn merged(class: &[Step], below: &[Step]) -> Vec<Step> {
    let mut below = below.iter().peekable();
    let mut all = Vec::new();
    for step in class {
        let mut ahead_bps = 0;
        let part = |ahead: &Step| step.parts[usize::from(ahead.to_bps >= step.to_bps - step.bps)];
        while let Some(ahead) = below.next_if(|ahead| ahead_bps + ahead.bps <= step.bps / part(ahead) && ahead.level < step.level) {
            ahead_bps += ahead.bps;
            all.push(*ahead);
        }
        all.push(*step);
    }
    all.extend(below);
    all
}
