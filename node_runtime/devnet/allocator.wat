;; How does the runtime get memory? A freeing bump allocator: sizes are rounded up to 8 << order, each order has a list
;; of freed blocks, and what no list offers comes from the end. It runs inside wasm since it is called most of all.
;; Before each pointer stand 8 bytes, as in Substrate's own allocator: runtimes look at the two before a pointer.
;; Those bytes hold the order while a block is in use; a free block's second word points to the next free one.
;; At the table's address stand 32 list heads (128 bytes) and then the heap's end, in memory rather than in globals so
;; that the host may take from the end without a call (call.py).
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

  (func (export "malloc") (param $size i32) (result i32)
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

  (func (export "free") (param $pointer i32)
    (local $block i32) (local $head i32)
    (local.set $block (i32.sub (local.get $pointer) (i32.const 8)))
    (local.set $head (call $head (i32.load (local.get $block))))
    (i32.store offset=4 (local.get $block) (i32.load (local.get $head)))
    (i32.store (local.get $head) (local.get $block))))
