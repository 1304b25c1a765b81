/* The bitcode of math/ and of the runtime's hot functions, as bytes of the compiler. MATH_BC and HOT_BC are
 * file names. */
  .section .rodata
  .global cg_embedded_math, cg_embedded_math_end, cg_embedded_hot, cg_embedded_hot_end
  .hidden cg_embedded_math, cg_embedded_math_end, cg_embedded_hot, cg_embedded_hot_end
  .balign 16
cg_embedded_math:
  .incbin MATH_BC
cg_embedded_math_end:
  .balign 16
cg_embedded_hot:
  .incbin HOT_BC
cg_embedded_hot_end:
  .byte 0
  .section .note.GNU-stack, "", @progbits
