-- How many texts has each text encoder embedded, how many did it cut (null where a server does not
-- tell), and how many kept phrases has it not embedded yet?
select
    e.encoder,
    count(*) as texts,
    cast(sum(cast(e.truncated as integer)) as bigint) as truncated,
    max(e.n_tokens) as longest_tokens,
    (
        select count(distinct d.text_id)
        from descriptors d
        where d.rejected = '' and not exists (
            select 1 from embeddings x where x.text_id = d.text_id and x.encoder = e.encoder
        )
    ) as missing
from embeddings e
group by e.encoder
order by e.encoder
