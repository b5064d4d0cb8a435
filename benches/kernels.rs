//! Hot loops one by one, each compared with the run before:
//!
//!     cargo bench --bench kernels --features internals [-- NAME]

#![allow(missing_docs)]

use criterion::Criterion;
use daybit::internals::kernels;
use std::time::Duration;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    for mut kernel in kernels() {
        criterion.bench_function(kernel.name, |bencher| bencher.iter(|| kernel.run()));
    }
    criterion.final_summary();
}
