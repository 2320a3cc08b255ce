;; Host functions that run inside wasm, since they are called most of all: memory, and the hash of storage keys' names.
;;
;; Memory is a freeing bump allocator: sizes are rounded up to 8 << order, each order has a list of freed blocks, and
;; what no list offers comes from the end. Before each pointer stand 8 bytes, as in Substrate's own allocator: runtimes
;; look at the two before a pointer. Those bytes hold the order while a block is in use; a free block's second word
;; points to the next free one. At the table's address stand 32 list heads (128 bytes) and then the heap's end, in
;; memory rather than in globals so that the host may take from the end without a call (call.py).
;;
;; The hash is twox: xxHash64 with seeds 0, 1, ... (https://github.com/Cyan4973/xxHash, doc/xxhash_spec.md).
(module
  (import "env" "memory" (memory 1))
  (global $table (mut i32) (i32.const 0))

  (func (export "init") (param $base i32) (result i32)
    (global.set $table (i32.and (i32.add (local.get $base) (i32.const 7)) (i32.const -8)))
    (memory.fill (global.get $table) (i32.const 0) (i32.const 128))
    (i32.store offset=128 (global.get $table) (i32.add (global.get $table) (i32.const 136)))
    (global.get $table))

  (func $head (param $order i32) (result i32)
    (i32.add (global.get $table) (i32.shl (local.get $order) (i32.const 2))))

  (func $malloc (export "ext_allocator_malloc_version_1") (param $size i32) (result i32)
    (local $order i32) (local $block i32) (local $next i32)
    ;; Substrate's limit for one allocation, 32 MiB; it also keeps the sums below from wrapping
    (if (i32.gt_u (local.get $size) (i32.const 33554432)) (then unreachable))
    (if (i32.gt_u (local.get $size) (i32.const 8))
      (then (local.set $order (i32.sub (i32.const 29) (i32.clz (i32.sub (local.get $size) (i32.const 1)))))))
    (local.set $block (i32.load (call $head (local.get $order))))
    (if (local.get $block)
      (then (i32.store (call $head (local.get $order)) (i32.load offset=4 (local.get $block))))
      (else
        (local.set $block (i32.load offset=128 (global.get $table)))
        (local.set $next (i32.add (i32.add (local.get $block) (i32.const 8)) (i32.shl (i32.const 8) (local.get $order))))
        (call $reach (local.get $next))
        (i32.store offset=128 (global.get $table) (local.get $next))))
    (i32.store (local.get $block) (local.get $order))
    (i32.store offset=4 (local.get $block) (i32.const 1))
    (i32.add (local.get $block) (i32.const 8)))

  ;; grow the memory so that it holds the address, a megabyte more at a time; a full memory is a trap
  (func $reach (param $address i32)
    (local $missing i32)
    (local.set $missing (i32.sub (i32.shr_u (i32.add (local.get $address) (i32.const 65535)) (i32.const 16)) (memory.size)))
    (if (i32.gt_s (local.get $missing) (i32.const 0))
      (then
        (if (i32.eq (memory.grow (i32.add (local.get $missing) (i32.const 16))) (i32.const -1)) (then unreachable)))))

  (func (export "ext_allocator_free_version_1") (param $pointer i32)
    (local $block i32) (local $head i32)
    (local.set $block (i32.sub (local.get $pointer) (i32.const 8)))
    (local.set $head (call $head (i32.load (local.get $block))))
    (i32.store offset=4 (local.get $block) (i32.load (local.get $head)))
    (i32.store (local.get $head) (local.get $block)))

  (func (export "ext_hashing_twox_64_version_1") (param $span i64) (result i32)
    (local $hash i32)
    (local.set $hash (call $malloc (i32.const 8)))
    (i64.store (local.get $hash) (call $xxhash (local.get $span) (i64.const 0)))
    (local.get $hash))

  (func (export "ext_hashing_twox_128_version_1") (param $span i64) (result i32)
    (local $hash i32)
    (local.set $hash (call $malloc (i32.const 16)))
    (i64.store (local.get $hash) (call $xxhash (local.get $span) (i64.const 0)))
    (i64.store offset=8 (local.get $hash) (call $xxhash (local.get $span) (i64.const 1)))
    (local.get $hash))

  ;; the bytes behind a fat pointer: length << 32 | address
  (func $xxhash (param $span i64) (param $seed i64) (result i64)
    (local $at i32) (local $left i32) (local $hash i64) (local $a i64) (local $b i64) (local $c i64) (local $d i64)
    (local.set $at (i32.wrap_i64 (local.get $span)))
    (local.set $left (i32.wrap_i64 (i64.shr_u (local.get $span) (i64.const 32))))
    (local.set $hash (i64.add (local.get $seed) (global.get $prime5)))
    (if (i32.ge_u (local.get $left) (i32.const 32))
      (then
        (local.set $a (i64.add (i64.add (local.get $seed) (global.get $prime1)) (global.get $prime2)))
        (local.set $b (i64.add (local.get $seed) (global.get $prime2)))
        (local.set $c (local.get $seed))
        (local.set $d (i64.sub (local.get $seed) (global.get $prime1)))
        (loop $stripes
          (local.set $a (call $round (local.get $a) (i64.load (local.get $at))))
          (local.set $b (call $round (local.get $b) (i64.load offset=8 (local.get $at))))
          (local.set $c (call $round (local.get $c) (i64.load offset=16 (local.get $at))))
          (local.set $d (call $round (local.get $d) (i64.load offset=24 (local.get $at))))
          (local.set $at (i32.add (local.get $at) (i32.const 32)))
          (local.set $left (i32.sub (local.get $left) (i32.const 32)))
          (br_if $stripes (i32.ge_u (local.get $left) (i32.const 32))))
        (local.set $hash
          (i64.add
            (i64.add (i64.rotl (local.get $a) (i64.const 1)) (i64.rotl (local.get $b) (i64.const 7)))
            (i64.add (i64.rotl (local.get $c) (i64.const 12)) (i64.rotl (local.get $d) (i64.const 18)))))
        (local.set $hash (call $merge (local.get $hash) (local.get $a)))
        (local.set $hash (call $merge (local.get $hash) (local.get $b)))
        (local.set $hash (call $merge (local.get $hash) (local.get $c)))
        (local.set $hash (call $merge (local.get $hash) (local.get $d)))))
    (local.set $hash (i64.add (local.get $hash) (i64.shr_u (local.get $span) (i64.const 32))))
    (call $finish (local.get $hash) (local.get $at) (local.get $left)))

  ;; the last bytes, fewer than 32, and the avalanche
  (func $finish (param $hash i64) (param $at i32) (param $left i32) (result i64)
    (loop $words
      (if (i32.ge_u (local.get $left) (i32.const 8))
        (then
          (local.set $hash (i64.xor (local.get $hash) (call $round (i64.const 0) (i64.load (local.get $at)))))
          (local.set $hash (call $mix (local.get $hash) (i64.const 27) (global.get $prime1) (global.get $prime4)))
          (local.set $at (i32.add (local.get $at) (i32.const 8)))
          (local.set $left (i32.sub (local.get $left) (i32.const 8)))
          (br $words))))
    (if (i32.ge_u (local.get $left) (i32.const 4))
      (then
        (local.set $hash
          (i64.xor (local.get $hash) (i64.mul (i64.load32_u (local.get $at)) (global.get $prime1))))
        (local.set $hash (call $mix (local.get $hash) (i64.const 23) (global.get $prime2) (global.get $prime3)))
        (local.set $at (i32.add (local.get $at) (i32.const 4)))
        (local.set $left (i32.sub (local.get $left) (i32.const 4)))))
    (loop $bytes
      (if (local.get $left)
        (then
          (local.set $hash
            (i64.xor (local.get $hash) (i64.mul (i64.load8_u (local.get $at)) (global.get $prime5))))
          (local.set $hash (call $mix (local.get $hash) (i64.const 11) (global.get $prime1) (i64.const 0)))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (local.set $left (i32.sub (local.get $left) (i32.const 1)))
          (br $bytes))))
    (local.set $hash (i64.xor (local.get $hash) (i64.shr_u (local.get $hash) (i64.const 33))))
    (local.set $hash (i64.mul (local.get $hash) (global.get $prime2)))
    (local.set $hash (i64.xor (local.get $hash) (i64.shr_u (local.get $hash) (i64.const 29))))
    (local.set $hash (i64.mul (local.get $hash) (global.get $prime3)))
    (i64.xor (local.get $hash) (i64.shr_u (local.get $hash) (i64.const 32))))

  (func $round (param $lane i64) (param $word i64) (result i64)
    (call $mix
      (i64.add (local.get $lane) (i64.mul (local.get $word) (global.get $prime2)))
      (i64.const 31) (global.get $prime1) (i64.const 0)))

  (func $merge (param $hash i64) (param $lane i64) (result i64)
    (i64.add
      (i64.mul (i64.xor (local.get $hash) (call $round (i64.const 0) (local.get $lane))) (global.get $prime1))
      (global.get $prime4)))

  (func $mix (param $value i64) (param $turns i64) (param $factor i64) (param $term i64) (result i64)
    (i64.add (i64.mul (i64.rotl (local.get $value) (local.get $turns)) (local.get $factor)) (local.get $term)))

  (global $prime1 i64 (i64.const 0x9E3779B185EBCA87))
  (global $prime2 i64 (i64.const 0xC2B2AE3D27D4EB4F))
  (global $prime3 i64 (i64.const 0x165667B19E3779F9))
  (global $prime4 i64 (i64.const 0x85EBCA77C2B2AE63))
  (global $prime5 i64 (i64.const 0x27D4EB2F165667C5)))
