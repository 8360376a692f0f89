//! Breadth-first search: every state that can be reached, each looked at once, the nearest first. So the first broken promise comes with the shortest way to it.

use core::{
    fmt::{self, Display},
    hash::{BuildHasherDefault, Hasher},
    sync::atomic::{AtomicUsize, Ordering},
};
#[expect(clippy::disallowed_types, reason = "see Shard")]
use std::collections::HashMap;
use std::{collections::hash_map::Entry, sync::Mutex, thread};

/// What is searched. Equal states have equal keys; different ones have different keys but for a chance of 2^-128 for each pair.
pub trait State: Clone + Send + Sync {
    type Step: Copy + Display + Send + Sync;
    fn key(&self) -> u128;
    fn steps(&self) -> Vec<Self::Step>;
    /// Takes a step. The error says which promise was broken.
    fn take(&mut self, step: Self::Step) -> Result<(), String>;
}

/// What a search saw.
pub struct Report {
    pub states: usize,
    /// Steps that were taken, those that led to known states included.
    pub steps: usize,
    /// Length of the longest of the shortest ways.
    pub depth: usize,
    pub broken: Option<Counterexample>,
}

/// The shortest way to a broken promise.
pub struct Counterexample {
    pub steps: Vec<String>,
    pub why: String,
}

impl Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.steps.iter().enumerate() {
            writeln!(f, "{:>3}. {step}", at + 1)?;
        }
        write!(f, "     {}", self.why)
    }
}

/// States that were seen, with the step that first led to each. In shards, so that threads seldom wait for each other.
struct Seen<S> {
    shards: Vec<Mutex<Shard<S>>>,
}

#[expect(clippy::disallowed_types, reason = "nobody goes through it in order, and it holds millions")]
type Shard<S> = HashMap<u128, Option<(u128, S)>, BuildHasherDefault<KeyIsHash>>;

/// A key is a hash already.
#[derive(Default)]
struct KeyIsHash(u64);

impl Hasher for KeyIsHash {
    fn write(&mut self, _: &[u8]) {
        unreachable!("keys are 128-bit numbers");
    }

    fn write_u128(&mut self, key: u128) {
        self.0 = (key >> 64) as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

const SHARDS: u128 = 64;
/// States that a thread takes at a time.
const CHUNK: usize = 32;

impl<S: Copy> Seen<S> {
    fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect() }
    }

    fn shard(&self, key: u128) -> &Mutex<Shard<S>> {
        &self.shards[usize::try_from(key % SHARDS).expect("there are few shards")]
    }

    /// Whether the state is new.
    fn note(&self, key: u128, from: Option<(u128, S)>) -> bool {
        match self.shard(key).lock().expect("no thread panics while it holds it").entry(key) {
            Entry::Occupied(_) => false,
            Entry::Vacant(place) => {
                place.insert(from);
                true
            }
        }
    }

    fn way_to(&self, mut key: u128) -> Vec<S> {
        let mut way = Vec::new();
        while let Some((from, step)) = self.shard(key).lock().expect("no thread panics while it holds it")[&key] {
            way.push(step);
            key = from;
        }
        way.reverse();
        way
    }
}

/// More states than this take more memory and time than a test may: whoever made the budget meant something else.
const STATES_MAX: usize = 4_000_000;

/// Visits everything that can be reached from `start`, until a promise is broken.
pub fn search<T: State>(start: T) -> Report {
    let seen = Seen::new();
    seen.note(start.key(), None);
    let mut frontier = vec![start];
    let (mut states, mut steps, mut depth) = (1, 0, 0);
    loop {
        let (next, taken, broken) = expand(&seen, &frontier);
        steps += taken;
        states += next.len();
        assert!(states <= STATES_MAX, "more than {STATES_MAX} states: give the search a smaller budget");
        if let Some((from, last, why)) = broken {
            let steps_to_it: Vec<String> = seen.way_to(from).into_iter().chain([last]).map(|step| step.to_string()).collect();
            return Report { states, steps, depth: depth + 1, broken: Some(Counterexample { steps: steps_to_it, why }) };
        }
        if next.is_empty() {
            return Report { states, steps, depth, broken: None };
        }
        depth += 1;
        frontier = next;
    }
}

type Broken<T> = Option<(u128, <T as State>::Step, String)>;

/// All states one step further that were not seen before.
fn expand<T: State>(seen: &Seen<T::Step>, frontier: &[T]) -> (Vec<T>, usize, Broken<T>) {
    let next_chunk = AtomicUsize::new(0);
    let work = || {
        let (mut found, mut taken, mut broken) = (Vec::new(), 0, None);
        loop {
            let first = next_chunk.fetch_add(CHUNK, Ordering::Relaxed);
            if first >= frontier.len() {
                return (found, taken, broken);
            }
            for state in &frontier[first..frontier.len().min(first + CHUNK)] {
                let key = state.key();
                for step in state.steps() {
                    let mut further = state.clone();
                    taken += 1;
                    if let Err(why) = further.take(step) {
                        broken.get_or_insert((key, step, why));
                    } else if seen.note(further.key(), Some((key, step))) {
                        found.push(further);
                    }
                }
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let parts: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().expect("a broken promise is an error, not a panic")).collect()
    });
    let (mut all, mut steps, mut first_broken) = (Vec::new(), 0, None);
    for (found, taken, broken) in parts {
        all.extend(found);
        steps += taken;
        first_broken = first_broken.or(broken);
    }
    (all, steps, first_broken)
}
