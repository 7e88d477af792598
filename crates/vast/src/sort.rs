use std::cmp::Ordering;

/// The places from 0 to `len`, put in order; equals stay as they are. `after(a, b)` says whether `a`
/// has to stand after `b`.
///
/// One merge sort for all lists: the standard library's is several kilobytes for each type.
pub(crate) fn order(len: usize, after: &mut dyn FnMut(usize, usize) -> bool) -> Vec<usize> {
    let mut places: Vec<usize> = (0..len).collect();
    let mut merged = Vec::with_capacity(len);
    let mut run = 1;
    while run < len {
        merged.clear();
        for pair in places.chunks(run * 2) {
            let (mut left, mut right) = pair.split_at_checked(run).unwrap_or((pair, &[]));
            while let ([a, behind_a @ ..], [b, behind_b @ ..]) = (left, right) {
                if after(*a, *b) {
                    merged.push(*b);
                    right = behind_b;
                } else {
                    merged.push(*a);
                    left = behind_a;
                }
            }
            merged.extend_from_slice(left);
            merged.extend_from_slice(right);
        }
        std::mem::swap(&mut places, &mut merged);
        run *= 2;
    }
    places
}

/// A list put in order.
pub(crate) fn sorted_by<T: Copy>(
    list: &[T],
    mut compare: impl FnMut(&T, &T) -> Ordering,
) -> Vec<T> {
    let places = order(list.len(), &mut |a, b| match (list.get(a), list.get(b)) {
        (Some(a), Some(b)) => compare(a, b).is_gt(),
        _ => false,
    });
    places.into_iter().filter_map(|at| list.get(at).copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_ordered_as_by_a_stable_sort() {
        let mut state = 7_u32;
        for len in (0..70).chain([1000, 1024, 1025]) {
            let keys: Vec<u32> = (0..len)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    state >> 28
                })
                .collect();
            let mut wanted: Vec<usize> = (0..len).collect();
            wanted.sort_by_key(|place| keys.get(*place));
            assert_eq!(order(len, &mut |a, b| keys.get(a) > keys.get(b)), wanted, "{len}");
        }
    }
}
