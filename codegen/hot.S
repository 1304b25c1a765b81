/* Objects of the runtime's hot functions for the three levels, and of those for devices (PTX: texts), as bytes of the compiler. HOT_…
 * and DEV_… are file names. */
  .macro object name, file
  .global \name, \name\()_end
  .hidden \name, \name\()_end
  .balign 16
\name:
  .incbin "\file"
\name\()_end:
  .endm

  .section .rodata
  object cg_hot_v2, HOT_V2
  object cg_hot_v3, HOT_V3
  object cg_hot_v4, HOT_V4
  object cg_dev_sm_75, DEV_SM_75
  object cg_dev_sm_90, DEV_SM_90
  object cg_dev_emulated, DEV_EMULATED
  .byte 0
  .section .note.GNU-stack, "", @progbits
