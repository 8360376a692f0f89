//! Determinism of what the process would otherwise ask the operating system: clocks and random bytes.
//!
//! str0m, its DTLS and std read the clock and the random source behind our backs: the iteration order of every std `HashMap` hangs on `getrandom`, and the DTLS hello carries
//! the time of day. On a thread that entered a simulation ([`isolated`]) both are answered here, the clock always with the same instant and the random source from the run's seed.
//! Every other thread is served by the kernel as before.
//!
//! How: this crate defines the symbols `getrandom` and `clock_gettime` itself. A definition in an executable goes before the one in a shared library (System V ABI, symbol
//! interposition), so std and every crate call ours. That holds for the dynamically linked GNU C library on 64-bit Linux; elsewhere [`IN_FORCE`] is false, and runs repeat
//! less faithfully.
//!
//! A simulation's time does not come from here: it is told, as [`Instant`], and [`std_instant`] translates it for libraries that insist on std's.
#![allow(unsafe_code)]

use std::{
    cell::Cell,
    sync::OnceLock,
    thread,
    time::{Duration, Instant as StdInstant},
};

use greenroom_core::time::Instant;

/// Whether this build answers for the operating system on simulation threads.
pub const IN_FORCE: bool = cfg!(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"));

thread_local! {
    /// The state of this thread's random source if the thread is in a simulation. Constant initialisation and no destructor: safe to read at any point of a thread's life, without allocating.
    static SIMULATED: Cell<Option<u64>> = const { Cell::new(None) };
}

/// Runs `f` on a fresh thread of its own simulation: clock frozen, random bytes and fastrand's draws from `seed`, every thread-local value new. A panic in `f` is passed on.
///
/// Two runs with equal seeds see the same in there; and so, side by side, do two threads.
pub fn isolated<T: Send>(seed: u64, stack_bytes: usize, f: impl FnOnce() -> T + Send) -> T {
    freeze();
    on_simulated_thread(seed, stack_bytes, f)
}

fn on_simulated_thread<T: Send>(seed: u64, stack_bytes: usize, f: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let run = thread::Builder::new().name(format!("simulation-{seed}")).stack_size(stack_bytes).spawn_scoped(scope, move || {
            overrides::keep();
            SIMULATED.set(Some(seed));
            fastrand::seed(seed);
            f()
        });
        run.expect("the machine can start one more thread").join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Freezes, once in a process, what str0m and dimpl take from the clock at their first use (the pair of instant and wall-clock time on which their NTP times rest), and then the
/// base of [`std_instant`]; both on a simulated thread, so that all processes freeze the same.
fn freeze() -> StdInstant {
    static BASE: OnceLock<StdInstant> = OnceLock::new();
    *BASE.get_or_init(|| on_simulated_thread(0, 1 << 20, || StdInstant::now() + BASE_OFFSET))
}

/// How far the epoch of simulations lies after the frozen instant. str0m's own beginning of time must come before everything it is told; a second is plenty.
const BASE_OFFSET: Duration = Duration::from_secs(1);

/// The instant of std's for `at`. Meant for libraries that are told the time; it compares with nothing that a clock says.
pub fn std_instant(at: Instant) -> StdInstant {
    freeze() + Duration::from_nanos(at.as_nanos())
}

/// The instant that [`std_instant`] made `at` from; the epoch for one before it.
pub fn instant(at: StdInstant) -> Instant {
    Instant::ZERO.saturating_add(at.saturating_duration_since(freeze()))
}

/// A random stream of one's own within a thread whose draws all come from fastrand: what draws within [`Draws::scope`] shifts nobody else's draws.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draws(u64);

impl Draws {
    /// The stream that begins at `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Runs `f` with this stream in fastrand's place.
    pub fn scope<R>(&mut self, f: impl FnOnce() -> R) -> R {
        let outer = fastrand::get_seed();
        fastrand::seed(self.0);
        let result = f();
        self.0 = fastrand::get_seed();
        fastrand::seed(outer);
        result
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"))]
mod overrides {
    pub(super) fn keep() {}
}
#[cfg(not(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64")))]
mod overrides {
    pub(super) fn keep() {}
}
