//! What a plan takes from the heap: nothing, once a planner has made one as large.
//!
//! The allocator counts in a test binary of its own, so that no other test allocates beside it. It takes `unsafe` to be an allocator at all; the library forbids it, this file passes every call on and counts.

#[path = "select/scene.rs"]
#[expect(dead_code, reason = "shared with tests that use all of it")]
mod scene;

use core::{
    alloc::{GlobalAlloc, Layout},
    sync::atomic::{AtomicUsize, Ordering},
};
use std::alloc::System;

use greenroom_core::select::{Budget, Demand, Planner};

use crate::scene::{Scene, Wanted, layer, wanted};

struct Counting;

static CALLS: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call goes to the system's allocator as it came; counting does not touch the memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(place, layout) }
    }
}

// One test: two would count each other's calls.
#[test]
fn a_planner_that_has_planned_takes_no_memory() {
    let ladder = [49_500, 99_000, 150_000, 165_000, 330_000, 500_000, 660_000, 1_320_000, 2_000_000];
    // Three priorities, so that steps go ahead of one another.
    let scene: Scene = (0_u8..49).map(|at| Wanted { current: Some(layer(4)), ..wanted(u32::from(at), at % 3, &ladder) }).collect();
    let demands: Vec<Demand<'_>> = scene.iter().map(Wanted::demand).collect();
    let mut planner = Planner::default();
    planner.plan(Budget::of(50_000_000), &demands);
    let before = CALLS.load(Ordering::Relaxed);
    let mut used_bps = 0;
    for step in 0..1000 {
        used_bps += planner.plan(Budget { keep_bps: step * 100_000, climb_bps: step * 90_000 }, &demands).used_bps;
    }
    assert_eq!(CALLS.load(Ordering::Relaxed), before, "a plan took memory");
    assert!(used_bps > 0 && before > 0, "the allocator counts");
}
