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
//!
//! Wishes about memory stand here as well, because all that is `unsafe` does: much of it at once, in large pages. They change how long a run takes and nothing in it.
#![allow(unsafe_code)]

use core::{cell::Cell, hint::black_box, mem::MaybeUninit, time::Duration};
use std::{
    panic::resume_unwind,
    sync::OnceLock,
    thread::{self, Scope, ScopedJoinHandle},
    time::Instant as StdInstant,
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
    thread::scope(|scope| joined(beside(scope, seed, stack_bytes, f)))
}

/// The same beside the thread that calls, until `scope` ends.
pub(crate) fn beside<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    seed: u64,
    stack_bytes: usize,
    f: impl FnOnce() -> T + Send + 'scope,
) -> ScopedJoinHandle<'scope, T> {
    let run = thread::Builder::new().name(format!("simulation {seed}")).stack_size(stack_bytes).spawn_scoped(scope, move || {
        overrides::keep();
        SIMULATED.set(Some(seed));
        fastrand::seed(seed);
        f()
    });
    run.expect("a machine that runs this can start one more thread")
}

/// What a thread came to. A panic in it is passed on.
pub(crate) fn joined<T>(run: ScopedJoinHandle<'_, T>) -> T {
    run.join().unwrap_or_else(|panic| resume_unwind(panic))
}

/// Has this thread's allocator take addresses for what a large room needs at once.
///
/// glibc gives each thread but the first a heap of 64 MiB and opens it to use by a page or two, each time with a call of the kernel: two hundred viewers made four thousand such calls in 20 s. A block
/// that is larger than its threshold for mappings of their own, when it is given back, raises that threshold and the one for closing a heap again (mallopt(3), `M_MMAP_THRESHOLD`); then two blocks below it
/// open the heap, and it stays open. These are addresses: memory comes with use, and in large pages where the kernel has them. Other allocators do not notice.
pub(crate) fn take_room() {
    const BLOCK_BYTES: usize = 31 << 20; // thresholds are raised up to 32 MiB, and two blocks fit into a heap
    let block = |bytes| black_box(Vec::<u8>::with_capacity(bytes));
    drop(block(BLOCK_BYTES));
    let mut blocks = [block(BLOCK_BYTES - (1 << 20)), block(BLOCK_BYTES - (1 << 20))];
    for block in &mut blocks {
        prefer_large_pages(block.spare_capacity_mut());
    }
}

/// Asks the kernel to back this memory with pages of 2 MiB, as far as it holds whole ones (madvise(2), `MADV_HUGEPAGE`). A wish, and one that changes no byte: a kernel that has none goes on as before.
///
/// Ten thousand pages of 4 KiB came into being one by one while two hundred viewers watched for 20 s, which took a tenth of that run's time; and whoever takes turns with hundreds of clients' memory finds
/// it sooner when a few pages hold it all.
fn prefer_large_pages(memory: &mut [MaybeUninit<u8>]) {
    #[cfg(target_os = "linux")]
    {
        // That of x86-64, and a multiple of all smaller ones: what is advised begins and ends with a page.
        const LARGE_PAGE_BYTES: usize = 2 << 20;
        let before = memory.as_ptr().align_offset(LARGE_PAGE_BYTES);
        if let Some(whole) = memory.get_mut(before..) {
            let bytes = whole.len() / LARGE_PAGE_BYTES * LARGE_PAGE_BYTES;
            // SAFETY: the range lies in memory that is borrowed for writing, and this advice leaves what is in it as it is. A refusal changes nothing either.
            unsafe { libc::madvise(whole.as_mut_ptr().cast(), bytes, libc::MADV_HUGEPAGE) };
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _nothing_to_ask = memory;
}

/// The instant that std's clock shows on simulation threads, and a second more: the epoch of [`std_instant`]. The second is for libraries that take the first clock reading of the process as
/// the beginning of time, and must not be told anything before it.
fn base() -> StdInstant {
    static BASE: OnceLock<StdInstant> = OnceLock::new();
    *BASE.get_or_init(|| isolated(0, 1 << 20, StdInstant::now) + Duration::from_secs(1))
}

/// The instant of std's for `at`. Meant for libraries that are told the time; it compares with nothing that a clock says.
pub fn std_instant(at: Instant) -> StdInstant {
    base() + Duration::from_nanos(at.as_nanos())
}

/// The instant that [`std_instant`] made `at` from; the epoch for one before it.
pub fn instant(at: StdInstant) -> Instant {
    Instant::ZERO.saturating_add(at.saturating_duration_since(base()))
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
    //! The two symbols. They run in place of the C library's on every thread of the process, so they do no more than a comparison before they pass on to the kernel,
    //! and neither allocate nor panic. (By way of the kernel: on other threads the clock costs a system call, some 100 ns more than the C library's way around it.)

    use core::{ffi::c_void, hint::black_box};

    use libc::{c_int, c_long, c_uint, clockid_t, size_t, ssize_t, timespec};

    use super::SIMULATED;

    /// What the wall clock shows in a simulation: 2023-11-14 22:13:20 UTC. A choice: round, and in the past.
    const WALL_SECS: i64 = 1_700_000_000;
    /// What every other clock shows. A choice: str0m wants to look back an hour from its first reading.
    const UPTIME_SECS: i64 = 100_000;

    /// Makes whoever calls this need the two symbols. The linker takes an object file from a library only for a symbol that is still undefined, and without this nothing in a program names ours:
    /// the C library's would do.
    pub(super) fn keep() {
        black_box(getrandom as unsafe extern "C" fn(*mut c_void, size_t, c_uint) -> ssize_t);
        black_box(clock_gettime as unsafe extern "C" fn(clockid_t, *mut timespec) -> c_int);
    }

    /// `getrandom(2)`.
    ///
    /// # Safety
    ///
    /// As for the C library's: `buf` is valid for writes of `len` bytes.
    // SAFETY (of the name): the symbol replaces the C library's of the same signature and contract.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn getrandom(buf: *mut c_void, len: size_t, flags: c_uint) -> ssize_t {
        let Some(mut state) = SIMULATED.get() else {
            // SAFETY: the caller's promise about `buf` and `len` is what the system call asks for; it checks `flags` itself, and sets errno as the C library would.
            let written = unsafe { libc::syscall(libc::SYS_getrandom, buf, len, flags) };
            // No buffer holds more bytes than a pointer reaches, and an error is -1.
            return ssize_t::try_from(written).unwrap_or(-1);
        };
        for at in 0..len {
            // SplitMix64 (Steele, Lea, Flood 2014), one byte of each output: short, and any seed will do.
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut mixed = state;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            let [byte, ..] = (mixed ^ (mixed >> 31)).to_le_bytes();
            // SAFETY: `at` is below `len`, and the caller promised `len` writable bytes at `buf`.
            unsafe { buf.cast::<u8>().add(at).write(byte) };
        }
        SIMULATED.set(Some(state));
        len.cast_signed()
    }

    /// `clock_gettime(2)`.
    ///
    /// # Safety
    ///
    /// As for the C library's: `time` is valid for the write of a `timespec`.
    // SAFETY (of the name): the symbol replaces the C library's of the same signature and contract.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn clock_gettime(clock: clockid_t, time: *mut timespec) -> c_int {
        if SIMULATED.get().is_none() {
            // SAFETY: the caller's promise about `time` is what the system call asks for; it checks `clock` itself, and sets errno as the C library would.
            let result: c_long = unsafe { libc::syscall(libc::SYS_clock_gettime, clock, time) };
            return if result == 0 { 0 } else { -1 };
        }
        let tv_sec = if clock == libc::CLOCK_REALTIME { WALL_SECS } else { UPTIME_SECS };
        // SAFETY: the caller promised that `time` can be written.
        unsafe { time.write(timespec { tv_sec, tv_nsec: 0 }) };
        0
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64")))]
mod overrides {
    /// There is nothing to keep: this system answers for itself.
    pub(super) fn keep() {}
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, time::SystemTime};

    use super::*;

    const STACK_BYTES: usize = 1 << 20;

    fn order_of_a_hash_map() -> Vec<u32> {
        (0..100).collect::<HashSet<u32>>().into_iter().collect()
    }

    #[test]
    fn in_a_simulation_the_clocks_stand() {
        assert_eq!(IN_FORCE, cfg!(target_os = "linux"), "this suite runs on glibc Linux or knows that it does not");
        if IN_FORCE {
            let (first, second, wall) = isolated(1, STACK_BYTES, || {
                let first = StdInstant::now();
                thread::sleep(Duration::from_millis(2));
                (first, StdInstant::now(), SystemTime::now())
            });
            assert_eq!(first, second);
            assert_eq!(wall, SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000));
        }
    }

    #[test]
    fn outside_the_clocks_go_on() {
        isolated(1, STACK_BYTES, || ());
        let first = StdInstant::now();
        thread::sleep(Duration::from_millis(2));
        assert!(first.elapsed() >= Duration::from_millis(2));
        assert!(SystemTime::now() > SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_001));
    }

    #[test]
    fn hash_order_follows_the_seed() {
        if IN_FORCE {
            let first = isolated(7, STACK_BYTES, order_of_a_hash_map);
            assert_eq!(first, isolated(7, STACK_BYTES, order_of_a_hash_map));
            assert_ne!(first, isolated(8, STACK_BYTES, order_of_a_hash_map));
        }
        let outside = || thread::spawn(order_of_a_hash_map).join().unwrap();
        assert_ne!(outside(), outside());
    }

    #[test]
    fn simulations_side_by_side_do_not_touch() {
        let run = |seed| {
            isolated(seed, STACK_BYTES, move || {
                let mut draws = Vec::new();
                for _ in 0..1000 {
                    draws.push(fastrand::u64(..));
                    thread::yield_now();
                }
                draws
            })
        };
        thread::scope(|scope| {
            let runs: Vec<_> = [1, 2, 1, 2].map(|seed| scope.spawn(move || run(seed))).into_iter().map(|run| run.join().unwrap()).collect();
            assert_eq!(runs[0], runs[2]);
            assert_eq!(runs[1], runs[3]);
            assert_ne!(runs[0], runs[1]);
        });
    }

    #[test]
    fn a_panic_comes_through() {
        let caught = std::panic::catch_unwind(|| isolated(1, STACK_BYTES, || panic!("from within")));
        assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"from within"));
    }

    #[test]
    fn instants_of_std_translate_both_ways() {
        let at = Instant::from_nanos(12_345_678_901);
        assert_eq!(instant(std_instant(at)), at);
        assert_eq!(std_instant(at) - std_instant(Instant::ZERO), Duration::from_nanos(12_345_678_901));
        assert_eq!(instant(base().checked_sub(Duration::from_millis(1)).unwrap()), Instant::ZERO);
    }

    #[test]
    fn draws_of_one_shift_nobody_elses() {
        fastrand::seed(5);
        let expected = [fastrand::u64(..), fastrand::u64(..)];
        let (mut one, mut other) = (Draws::new(1), Draws::new(1));
        fastrand::seed(5);
        let first = fastrand::u64(..);
        let of_one = one.scope(|| (fastrand::u64(..), fastrand::u64(..)));
        assert_eq!([first, fastrand::u64(..)], expected);
        assert_eq!((other.scope(|| fastrand::u64(..)), other.scope(|| fastrand::u64(..))), of_one);
    }
}
