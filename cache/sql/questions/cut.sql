-- Which kept phrases did a text encoder cut, and so embed only in part?
select distinct d.class_name, t.text, e.n_tokens, e.encoder
from descriptors d
join texts t using (text_id)
join embeddings e using (text_id)
where d.rejected = '' and e.truncated
order by e.n_tokens desc, d.class_name, t.text, e.encoder
