/* The bitcode of math/, of the runtime's hot functions and of those for devices (made.bc: those that are compiled with each model), as
 * bytes of the compiler. MATH_BC, HOT_BC, DEV_BC and MADE_BC are file names. */
  .section .rodata
  .global cg_embedded_math, cg_embedded_math_end, cg_embedded_hot, cg_embedded_hot_end, cg_embedded_dev, cg_embedded_dev_end
  .hidden cg_embedded_math, cg_embedded_math_end, cg_embedded_hot, cg_embedded_hot_end, cg_embedded_dev, cg_embedded_dev_end
  .global cg_embedded_made, cg_embedded_made_end
  .hidden cg_embedded_made, cg_embedded_made_end
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
  .balign 16
cg_embedded_made:
  .incbin MADE_BC
cg_embedded_made_end:
  .byte 0
  .section .note.GNU-stack, "", @progbits
