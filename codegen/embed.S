/* The bitcode of math/, of the runtime's hot functions and of those for devices, as bytes of the compiler. MATH_BC, HOT_BC and
 * DEV_BC are file names. */
  .section .rodata
  .global cg_embedded_math, cg_embedded_math_end, cg_embedded_hot, cg_embedded_hot_end, cg_embedded_dev, cg_embedded_dev_end
  .hidden cg_embedded_math, cg_embedded_math_end, cg_embedded_hot, cg_embedded_hot_end, cg_embedded_dev, cg_embedded_dev_end
  .balign 16
cg_embedded_math:
  .incbin MATH_BC
cg_embedded_math_end:
  .balign 16
cg_embedded_hot:
  .incbin HOT_BC
cg_embedded_hot_end:
  .balign 16
cg_embedded_dev:
  .incbin DEV_BC
cg_embedded_dev_end:
  .byte 0
  .section .note.GNU-stack, "", @progbits
