//! Many pieces of work that need nothing of each other, spread over threads.

use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::{
    sync::{Mutex, PoisonError},
    thread,
};

/// How many pieces there can be in work at a time: as many as are asked for, or as there are processors.
pub(crate) fn at_a_time(asked: Option<u16>) -> usize {
    asked.map_or_else(|| thread::available_parallelism().map_or(1, usize::from), usize::from)
}

/// Does `work` for each piece, `jobs` at a time, and calls `done` after each with how many are done of how many. What came of them, in the order of the pieces; they are begun in that order, so the longest had better be first.
///
/// Which thread does which piece is nobody's concern, and what a thread panics of is passed on.
pub(crate) fn spread<P: Sync, R: Send>(
    pieces: &[P],
    jobs: usize,
    done: &(impl Fn(usize, usize) + Sync + ?Sized),
    work: impl Fn(&P) -> R + Sync,
) -> Vec<R> {
    let (next, finished) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let results = Mutex::new(Vec::with_capacity(pieces.len()));
    thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, pieces.len().max(1)) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Relaxed);
                    let Some(piece) = pieces.get(at) else { break };
                    let result = work(piece);
                    results.lock().unwrap_or_else(PoisonError::into_inner).push((at, result));
                    done(finished.fetch_add(1, Relaxed) + 1, pieces.len());
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_unstable_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_the_order_of_the_pieces_however_many_threads_there_are() {
        let pieces: Vec<u64> = (0..100).collect();
        let squares: Vec<u64> = pieces.iter().map(|n| n * n).collect();
        for jobs in [0, 1, 3, 1000] {
            let most = AtomicUsize::new(0);
            let done = |done: usize, of: usize| {
                assert!((1..=of).contains(&done) && of == 100);
                most.fetch_max(done, Relaxed);
            };
            assert_eq!(spread(&pieces, jobs, &done, |n| n * n), squares);
            assert_eq!(most.into_inner(), 100);
        }
        assert_eq!(spread(&[], 4, &|_, _| {}, |n: &u64| *n), Vec::<u64>::new());
    }
}
