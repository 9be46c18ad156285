// RUN: qopt-opt %s --qopt-choose-layouts=target=toaster --verify-diagnostics

// expected-error @+1 {{unknown target 'toaster'; known: }}
module {
}
