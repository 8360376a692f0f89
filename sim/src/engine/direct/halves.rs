//! A large room in two halves, each on a thread of its own: the *stage*, where the server is, and the *hall*.
//!
//! Clients talk to the server alone, and nothing that either half says arrives in the other one sooner than the shortest delay of the hall's lines, the *window*. So whoever has
//! heard all that the other half says before some time may go on until that time and the window beyond it. Each half tells the other how far it is in *letters*: "this is
//! what was said to you, and you know now all that we say before *t*". That is Chandy and Misra's algorithm with null messages ("Distributed simulation", IEEE TSE 1979) for two
//! processes. It cannot come to a standstill: a half that waits has told that it says nothing within a window after what it heard, so of two that wait each lets the other go on.
//!
//! **Threads change no result.** Every node is alone with its inbox, which is in order of time, sender and the sender's count, whoever put things there when. Every line is in the half of its client, with its
//! account and its hash; it has one sender each way, and letters come in the order of sending. What is told is put in order by time and teller when both halves are done. Nothing else is shared. Had
//! something come late after all, the run would end with [`EngineError::Late`](crate::engine::EngineError::Late), as in every engine.
//!
//! The work divides although the server is one node: while it goes through a publisher's two hundred viewers with a packet, the hall works out when the copies arrive that came before, and then both
//! halves let their viewers take them in. So the stage has fewer viewers than the hall.

use core::{hint::spin_loop, iter, mem::replace, time::Duration};
use std::{
    sync::mpsc::{Receiver, RecvError, Sender, TryRecvError, channel},
    thread,
};

use greenroom_core::time::Instant;

use super::part::Part;
use crate::{
    engine::{Carrying, Collected, Plan, Progress, letter::Letter, world::World},
    entropy,
    media::Fidelity,
    scenario::User,
};

/// From so many clients on a room is divided. A choice: a window of it has work for some tens of microseconds, where a letter costs less than one.
const CROWD: usize = 64;
/// Of so many clients ...
const ROW: usize = 10;
/// ... as many stay on the stage: the fastest of those tried on two processors, from none to six.
const ON_STAGE: usize = 3;

/// Who is in the hall, by place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hall(Vec<bool>);

impl Hall {
    fn has(&self, place: u16) -> bool {
        self.0.get(usize::from(place)).copied().unwrap_or(false)
    }
}

/// The hall of a run, if there is reason to have one.
pub(super) fn hall(plan: Plan<'_>) -> Option<Hall> {
    let Plan { scenario, fidelity, captures, .. } = plan;
    // What str0m draws from hangs on the thread; modelled media draw from streams of their own. Shared lines, faults and captures are looked at from everywhere, and queues that decide later by whoever
    // sends into them.
    let decides_later = |user: &User| user.up.decides_later() || user.down.decides_later();
    let is_plain = fidelity == Fidelity::Model
        && !captures
        && scenario.shared.is_empty()
        && scenario.faults.is_empty()
        && !scenario.users.iter().any(decides_later);
    if !is_plain || scenario.users.len() < CROWD {
        return None;
    }
    let delay = |user: &User| user.up.shortest_delay().min(user.down.shortest_delay());
    let mut delays: Vec<Duration> = scenario.users.iter().map(delay).collect();
    delays.sort_unstable();
    // At least half of them could be there. The longer the window, the fewer the letters; the more could be there, the more even are the halves.
    let window = delays[delays.len() / 2];
    let mut could = 0_usize;
    let is_there = scenario.users.iter().map(|user| {
        let can = delay(user) >= window;
        could += usize::from(can);
        can && could * ON_STAGE % ROW >= ON_STAGE // spread evenly
    });
    let hall = Hall(iter::once(false).chain(is_there).collect());
    (!window.is_zero()).then_some(hall)
}

/// Stack of the hall's thread: modelled media needs little.
const STACK_BYTES: usize = 8 << 20;

/// Runs both halves until nothing is due before the end.
pub(super) fn run(plan: Plan<'_>, hall: &Hall, progress: &Progress) -> Carrying<Collected> {
    let (to_hall, from_stage) = channel();
    let (to_stage, from_hall) = channel();
    let (stage, theirs) = thread::scope(|scope| {
        // A thread that belongs to the simulation like this one; nodes are made where they are played.
        let in_hall = entropy::beside(scope, plan.seed, STACK_BYTES, move || {
            entropy::take_room();
            Half::new(Part::new(plan, |place| hall.has(place)), to_stage, from_stage).play(|_| {})
        });
        let stage = Half::new(Part::new(plan, |place| !hall.has(place)), to_hall, from_hall).play(|now| progress.set(now));
        (stage, entropy::joined(in_hall))
    });
    // One that went wrong leaves the other in the middle: then neither counts.
    let (mut stage, theirs) = (stage?, theirs?);
    stage.join(theirs, |place| hall.has(place));
    progress.set(plan.end());
    Ok(stage.collect())
}

/// What one half tells the other: all that is said before `until` is in this letter or in an earlier one.
#[derive(Debug)]
struct Told {
    until: Instant,
    letter: Letter,
}

/// So many datagrams go off before the turn is over: the other half has something to do meanwhile. A choice: half of what one packet to two hundred viewers makes.
const LETTER: usize = 64;
/// The other half is told how far this one is when such a part of a window has passed: a choice, since it waits for that, and each letter takes time.
const TELLINGS_IN_A_WINDOW: u32 = 4;
/// How often to look for a letter before the thread goes to sleep. A choice: most come soon, and with a tenth of it threads went to sleep more than twice as often.
const LOOKS: u32 = 20_000;
/// Most read letters that are kept to be written on again: more than are on the way at any time.
const BLANK: usize = 256;

/// What came of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Somebody went on.
    Goes,
    /// Nobody may, until more is heard.
    Waits,
    /// All is played.
    Done,
}

/// One half, as its thread sees it.
#[derive(Debug)]
struct Half {
    part: Part,
    to: Sender<Told>,
    from: Receiver<Told>,
    /// All that the others say before this is known here.
    heard: Instant,
    /// All that is said here before this is known there.
    told: Instant,
    /// Read letters, to write new ones on: the allocator has no work with them, and they lie in memory that is at hand.
    blank: Vec<Letter>,
}

impl Half {
    fn new(part: Part, to: Sender<Told>, from: Receiver<Told>) -> Self {
        Self { part, to, from, heard: Instant::ZERO, told: Instant::ZERO, blank: Vec::new() }
    }

    /// Goes on until all is played.
    fn play(mut self, progress: impl Fn(Instant)) -> Carrying<World> {
        loop {
            match self.step()? {
                Step::Goes => {
                    progress(self.told);
                    self.hear_what_came()?;
                }
                Step::Waits => {
                    let Ok(told) = self.listen() else { break }; // it went wrong there, and is told there
                    self.hear(told)?;
                }
                Step::Done => break,
            }
        }
        Ok(self.part.into_world())
    }

    /// Lets one node go on, if one may, and tells the other half how far this one is, if it is time.
    fn step(&mut self) -> Carrying<Step> {
        let until = self.part.silent_until(self.heard);
        let may_go_on = self.part.may_go_on(self.heard);
        if !may_go_on || until.saturating_since(self.told) >= self.part.window() / TELLINGS_IN_A_WINDOW {
            self.tell(until);
        }
        if !may_go_on {
            return Ok(if self.heard < self.part.end() { Step::Waits } else { Step::Done });
        }
        let Self { told, heard, ref to, ref mut blank, ref mut part, .. } = *self;
        part.turn(heard, |letter| {
            if letter.sent.len() >= LETTER || letter.question.is_some() {
                let letter = replace(letter, blank.pop().unwrap_or_default());
                let _gone_wrong_there = to.send(Told { until: told, letter });
            }
        })?;
        Ok(Step::Goes)
    }

    fn hear_what_came(&mut self) -> Carrying {
        while let Ok(told) = self.from.try_recv() {
            self.hear(told)?;
        }
        Ok(())
    }

    /// Tells the other half how far this one is, unless it knows.
    fn tell(&mut self, until: Instant) {
        if until > self.told || !self.part.letter.is_empty() {
            self.told = until;
            let letter = replace(&mut self.part.letter, self.blank.pop().unwrap_or_default());
            let _gone_wrong_there = self.to.send(Told { until, letter });
        }
    }

    fn hear(&mut self, told: Told) -> Carrying {
        let Told { until, mut letter } = told;
        self.heard = self.heard.max(until);
        self.part.receive(&mut letter)?;
        if self.blank.len() < BLANK {
            self.blank.push(letter);
        }
        Ok(())
    }

    /// Waits for a letter: awake at first, since most come soon, and then asleep.
    fn listen(&self) -> Result<Told, RecvError> {
        for _ in 0..LOOKS {
            match self.from.try_recv() {
                Ok(letter) => return Ok(letter),
                Err(TryRecvError::Empty) => spin_loop(),
                Err(TryRecvError::Disconnected) => return Err(RecvError),
            }
        }
        self.from.recv()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::direct::tests::{alone_and_divided, crowd, near, plan};

    /// Plays both halves on this thread, by turns that hang on `seed`: each goes on for a while, and hears what came now and then.
    fn by_turns(plan: Plan<'_>, hall: &Hall, seed: u64) -> Carrying<Collected> {
        let ((to_hall, from_stage), (to_stage, from_hall)) = (channel(), channel());
        let mut halves = [
            Half::new(Part::new(plan, |place| !hall.has(place)), to_hall, from_hall),
            Half::new(Part::new(plan, |place| hall.has(place)), to_stage, from_stage),
        ];
        let mut draws = fastrand::Rng::with_seed(seed);
        let mut came_to = [Step::Goes; 2];
        while came_to != [Step::Done; 2] {
            let at = draws.usize(..2);
            for _ in 0..draws.u32(1..2000) {
                if draws.bool() {
                    halves[at].hear_what_came()?;
                }
                came_to[at] = halves[at].step()?;
                if came_to[at] != Step::Goes {
                    halves[at].hear_what_came()?;
                    break;
                }
            }
        }
        let [mut whole, theirs] = halves.map(|half| half.part.into_world());
        whole.join(theirs, |place| hall.has(place));
        Ok(whole.collect())
    }

    #[test]
    fn whichever_half_is_faster_the_run_is_the_same() {
        for scenario in [crowd(), near()] {
            let plan = plan(&scenario);
            let hall = hall(plan).expect("a crowd is worth two threads");
            for seed in 0..8 {
                let divided = by_turns(plan, &hall, seed).unwrap_or_else(|error| panic!("{}, turns of {seed}: {error}", scenario.name));
                alone_and_divided(plan, &divided);
            }
        }
    }
}
