"""Who fine-tunes: one package a provider, each with the same rooms, over what they share.

`protocol` says what every provider can be asked, `registry` finds one by its id, `catalogue` knows their models, limits
and dates, `pricing` what they cost, and `hosted` is what those have in common that train elsewhere. In each package
`adapter` has the `PROVIDER`, `checks` looks before anything is paid for, `access` is the way to its service, and
`progress` says how far a job is, where there is that much to say.
"""
