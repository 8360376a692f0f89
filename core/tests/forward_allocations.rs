//! Forwarding takes no memory from the heap: counted by the allocator, not claimed.
//!
//! The allocator counts for each thread on its own, so that what other threads of the test runner do makes no difference. It takes `unsafe` to be an allocator at all; the library forbids
//! it, this file passes every call on and counts.

use core::{
    alloc::{GlobalAlloc, Layout},
    cell::Cell,
};
use std::alloc::System;

use greenroom_core::{
    forward::{Config, Forwarder, Incoming, Verdict},
    id::{LayerId, TemporalId},
    select::Layer,
    time::Instant,
    vp8::{self, Descriptor, Picture},
};

struct Counting;

std::thread_local! {
    static CALLS: Cell<usize> = const { Cell::new(0) };
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call goes to the system's allocator as it came; counting does not touch the memory, and the counter needs none.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.with(|calls| calls.set(calls.get() + 1));
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(place, layout) }
    }
}

#[test]
fn forwarding_takes_no_memory() {
    // Given ten seconds of two simulcast layers, each in three temporal layers, with a key frame each second and every ninth packet late,
    let mut packets: Vec<Incoming> = (0..300_u16)
        .flat_map(|picture| (0..4_u16).flat_map(move |part| [0, 1].map(|layer| (layer, picture, part))))
        .map(|(layer, picture, part)| {
            let numbers = Picture { picture_id: picture, tl0_pic_idx: 0 };
            let temporal = [0, 2, 1, 2][usize::from(picture % 4)];
            let head = vp8::layered_head(part == 0, picture % 30 == 0, numbers, temporal, true);
            let seq = u64::from(picture) * 4 + u64::from(part);
            Incoming { layer: LayerId(layer), source: 0, seq, timestamp: u32::from(picture) * 3000, picture: Descriptor::parse(&head) }
        })
        .collect();
    for late in (0..packets.len() - 9).step_by(9) {
        packets[late..late + 9].rotate_left(1);
    }
    let mut viewer = Forwarder::new(Config::VIDEO);
    let before = CALLS.get();
    // when they are forwarded to a viewer whose target changes all the time,
    let (mut forwarded, mut filled, mut dropped) = (0, 0, 0);
    for (at, packet) in (0..=u8::MAX).cycle().zip(&packets) {
        if at % 50 == 0 {
            let target = Layer { spatial: LayerId(at / 50 % 2), temporal: TemporalId(at / 50 % 3) };
            viewer.set_target((at != 250).then_some(target));
        }
        match viewer.handle_packet(Instant::from_millis(u64::from(packet.timestamp) / 90), packet) {
            Verdict::Forward(_) => forwarded += 1,
            Verdict::Fill { .. } => filled += 1,
            Verdict::Drop(_) => dropped += 1,
        }
    }
    // then all that can happen happens, and nothing was taken.
    assert!(forwarded > 100 && filled > 10 && dropped > 100, "{forwarded} forwarded, {filled} filled in, {dropped} dropped");
    assert_eq!(CALLS.get() - before, 0);
}
