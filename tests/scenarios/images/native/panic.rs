//! A Rust service with a bug: an index past the end.
fn main() {
    println!("worker starting");
    let shards: Vec<u32> = std::env::args().skip(1).map(|a| a.len() as u32).collect();
    println!("shard {} is ours", shards[3]);
}
