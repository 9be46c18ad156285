// RUN: qopt-opt %s --pass-pipeline="builtin.module(func.func(qopt-bind-sizes{context=256 batch=4}))" --verify-each | FileCheck %s
// RUN: qopt-opt %s --pass-pipeline="builtin.module(func.func(qopt-bind-sizes))" | FileCheck %s --check-prefix=DEFAULT
// RUN: not qopt-opt %s --pass-pipeline="builtin.module(func.func(qopt-bind-sizes{context=1024}))" 2>&1 | FileCheck %s --check-prefix=LIMIT

// CHECK: !qopt.kv_cache<2x16, capacity = 256, key = f32, value = f32>
// CHECK-SAME: qopt.context = 256
// CHECK-SAME: #qopt.symbol<"batch", 1 to 4>, #qopt.symbol<"tokens", 1 to 128>, #qopt.symbol<"logits", 1 to 128>
// DEFAULT: qopt.context = 512
// DEFAULT-SAME: #qopt.symbol<"batch", 1 to 1>
// LIMIT: context 1024 exceeds the 512 positions that the model was made for

func.func @main(%cache: !qopt.kv_cache<2x16, capacity = ?, key = f32, value = f32>) -> !qopt.kv_cache<2x16, capacity = ?, key = f32, value = f32>
    attributes {qopt.context = 512 : i64, qopt.kind = "decoder",
                qopt.symbols = [#qopt.symbol<"batch", 1 to -1>, #qopt.symbol<"tokens", 1 to -1>, #qopt.symbol<"logits", 1 to -1>]} {
  return %cache : !qopt.kv_cache<2x16, capacity = ?, key = f32, value = f32>
}

// A range that is bounded already is lowered where that is asked for, never raised; rows are no tokens.
// CHECK: func.func @bounded
// CHECK-SAME: #qopt.symbol<"batch", 1 to 8>, #qopt.symbol<"long", 1 to 256>, #qopt.symbol<"short", 1 to 64>, #qopt.symbol<"many", 300 to 512>
// DEFAULT: func.func @bounded
// DEFAULT-SAME: #qopt.symbol<"batch", 1 to 8>, #qopt.symbol<"long", 1 to 512>, #qopt.symbol<"short", 1 to 64>, #qopt.symbol<"many", 300 to 512>
func.func @bounded(%x: tensor<?x?xf32>) -> tensor<?x?xf32>
    attributes {qopt.symbols = [#qopt.symbol<"batch", 1 to 8>, #qopt.symbol<"long", 1 to 512>, #qopt.symbol<"short", 1 to 64>, #qopt.symbol<"many", 300 to 512>]} {
  return %x : tensor<?x?xf32>
}
